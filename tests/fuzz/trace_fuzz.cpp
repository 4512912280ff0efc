// SPDX-License-Identifier: GPL-2.0-only
// libFuzzer: any bytes as a trace. They are read or refused, validated or refused; what was
// read and written again reads as the same. Bytes that begin as zstd does are unpacked.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "replay/trace_info.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

namespace
{

using namespace rmaplab;

void must(bool condition)
{
  if (!condition)
    std::abort();
}

void one_trace(std::string_view bytes, bool compressed)
{
  auto reader = TraceReader::of_text("fuzz", bytes, compressed);
  if (!reader)
    return must(reader.error().code == Errc::parse && !reader.error().context.empty());
  TraceValidator validator(reader->name(), reader->header());
  std::string again = trace_header_text(reader->header());
  Trace trace{.header = reader->header()};
  bool valid = true;
  for (TraceRow row;;) {
    const auto more = reader->next(row);
    if (!more)
      return must(more.error().code == Errc::parse && !more.error().context.empty());
    if (!*more)
      break;
    valid = valid && validator.add(row, reader->line());
    append_row(again, row);
    trace.rows.push_back(row);
  }
  const auto same = parse_trace("again", again);
  must(static_cast<bool>(same) && same->header == trace.header && same->rows == trace.rows);
  if (!valid)
    return;
  const auto needs = validator.finish();
  const auto summary = summarize_trace(*TraceReader::of_text("fuzz", bytes, compressed));
  must(static_cast<bool>(needs) == !trace.rows.empty());
  must(static_cast<bool>(needs) == static_cast<bool>(summary));
  if (!needs)
    return;
  must(needs->peak_pages() <= trace.rows.size());  // one a touch
  must(needs->peak_processes <= needs->processes && needs->peak_threads <= needs->threads);
  must(!to_text(*summary).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";  // RFC 8878, 3.1.1
  one_trace(bytes, bytes.substr(0, 4) == kZstdMagic);
  return 0;
}
