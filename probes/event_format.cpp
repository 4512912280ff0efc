// SPDX-License-Identifier: GPL-2.0-only
#include "probes/event_format.h"

#include <fmt/format.h>

#include "base/text.h"

namespace rmaplab
{

namespace
{

// "offset:8" -> 8.
std::optional<std::size_t> number_of(std::string_view piece, std::string_view key)
{
  piece = trim(piece);
  if (piece.rfind(key, 0) != 0)
    return std::nullopt;
  return parse_u64(piece.substr(key.size()));
}

}  // namespace

// A line: "\tfield:void * lock_addr;\toffset:8;\tsize:8;\tsigned:0;"
Result<EventField> event_field(std::string_view format, const std::string& field)
{
  for (const auto line : lines_of(format)) {
    const auto pieces = split(trim(line), ';');
    if (pieces[0].rfind("field:", 0) != 0)
      continue;
    const auto words = split_blanks(pieces[0].substr(6));
    if (words.empty() || words.back().substr(0, words.back().find('[')) != field)
      continue;
    const auto offset = pieces.size() > 2 ? number_of(pieces[1], "offset:") : std::nullopt;
    const auto bytes = pieces.size() > 2 ? number_of(pieces[2], "size:") : std::nullopt;
    if (!offset || !bytes)
      return Error{.code = Errc::parse, .context = fmt::format("event format: bad line: {}", line)};
    return EventField{.offset = *offset, .bytes = *bytes};
  }
  return Error{.code = Errc::unsupported, .context = "this kernel's event has no field " + field};
}

}  // namespace rmaplab
