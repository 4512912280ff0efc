// SPDX-License-Identifier: GPL-2.0-only
#include "replay/replay_input.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "replay/machine_room.h"
#include "replay/trace_io.h"

namespace rmaplab
{

namespace
{

Error too_large(const std::string& path, const std::string& lack)
{
  return {.code = Errc::unsupported,
          .context = fmt::format("{}: {} (--force plays it)", path, lack)};
}

}  // namespace

Result<ReplayInput> read_replay_input(const std::string& path, int copies, ReplayRoom check)
{
  const MachineRoom room = read_machine_room();
  const bool checks = check == ReplayRoom::must_suffice;
  // What is needed is known before the rows are held: of a pipe, which is read once, only after.
  std::error_code error;
  if (std::filesystem::is_regular_file(path, error)) {
    const auto needs = validate_trace_file(path, room.huge_pages);
    if (!needs)
      return needs.error();
    if (const auto lack = lack_of_room(*needs, static_cast<std::uint64_t>(copies), room);
        lack && checks)
      return too_large(path, *lack);
  }
  auto trace = read_trace(path);
  if (!trace)
    return trace.error();
  ReplayInput input{.trace = *std::move(trace), .needs = {}, .outside = {}};
  auto needs = validate_trace(path, input.trace, room.huge_pages, &input.outside);
  if (!needs)
    return needs.error();
  if (const auto lack = lack_of_room(*needs, static_cast<std::uint64_t>(copies), room);
      lack && checks)
    return too_large(path, *lack);
  input.needs = *std::move(needs);
  return input;
}

Error with_name(Error error, const std::string& path, const std::string& name)
{
  if (const auto at = error.context.find(path); !path.empty() && at != std::string::npos)
    error.context.replace(at, path.size(), name);
  return error;
}

std::string limit_text(const Trace& trace, std::size_t row, std::int64_t found,
                       std::int64_t max_map_count)
{
  constexpr std::int64_t kNearly = 64;
  if (found != -ENOMEM || row >= trace.rows.size())
    return {};
  std::int64_t vmas = -1;  // after the last call before it that knows
  for (std::size_t i = 0; i <= row; ++i)
    if (trace.rows[i].process == trace.rows[row].process && trace.rows[i].vmas >= 0)
      vmas = trace.rows[i].vmas;
  return vmas < 0 || vmas + kNearly < max_map_count
             ? std::string()
             : fmt::format(
                   ": the program had {} VMAs, vm.max_map_count is {} here, and the player "
                   "has some of its own",
                   vmas, max_map_count);
}

std::string limit_text(const Trace& trace, std::size_t row, std::int64_t found)
{
  const auto text = read_file("/proc/sys/vm/max_map_count");
  const auto limit = text ? parse_u64(trim(*text)) : std::nullopt;
  return limit ? limit_text(trace, row, found, static_cast<std::int64_t>(*limit)) : std::string();
}

std::string value_text(std::int64_t value)
{
  if (value < 0 && value >= -4095)
    return fmt::format("{} ({})", value, std::strerror(static_cast<int>(-value)));
  return value < 4096 ? std::to_string(value) : fmt::format("{:#x}", value);
}

std::string place_of(const std::string& path, const Trace& trace, std::size_t row)
{
  return fmt::format("{}:{}", path, trace.first_line + row);
}

std::string left_out_text(const RowsLeftOut& rows, const std::string& path, const Trace& trace)
{
  return fmt::format("{} row{} not replayed, the first is {}: {}\n", rows.rows,
                     rows.rows == 1 ? "" : "s", place_of(path, trace, rows.first), rows.why);
}

}  // namespace rmaplab
