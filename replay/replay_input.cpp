// SPDX-License-Identifier: GPL-2.0-only
#include "replay/replay_input.h"

#include <fmt/format.h>

#include <cstring>

#include "base/files.h"
#include "base/text.h"
#include "replay/trace_io.h"

namespace rmaplab
{

Result<ReplayInput> read_replay_input(const std::string& path, int copies)
{
  auto trace = read_trace(path);
  if (!trace)
    return trace.error();
  auto needs = validate_trace(path, *trace);
  if (!needs)
    return needs.error();
  const auto text = read_file("/proc/meminfo");
  const std::uint64_t available =
      text ? meminfo_bytes(*text, "MemAvailable").value_or(UINT64_MAX) : UINT64_MAX;
  const std::uint64_t bytes = needs->peak_pages() * trace->header.page_size;
  if (bytes > available / 4 * 3 / static_cast<std::uint64_t>(copies))
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("{}: {} x {} MiB of touched pages are more than three "
                                        "quarters of the {} MiB of memory that are available",
                                        path, copies, bytes >> 20, available >> 20)};
  return ReplayInput{.trace = *std::move(trace), .needs = *std::move(needs)};
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

}  // namespace rmaplab
