// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/vma_span.h"

#include <sys/mman.h>

#include <cstring>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

Result<std::vector<VmaSpan>> parse_arena_spans(std::string_view maps)
{
  std::vector<VmaSpan> spans;
  for (const auto line : lines_of(maps)) {
    const auto dash = line.find('-');
    const auto blank = line.find(' ');
    const auto begin = parse_u64(line.substr(0, dash), 16);
    const auto end = dash < blank ? parse_u64(line.substr(dash + 1, blank - dash - 1), 16) : begin;
    if (!begin || !end || *end <= *begin)
      return Error{.code = Errc::parse, .context = "maps: " + std::string(line)};
    if (*begin >= kArenaBegin && *begin < kArenaEnd)
      spans.push_back({.begin = *begin, .end = *end});
  }
  return spans;
}

Result<std::vector<VmaSpan>> arena_spans()
{
  const auto maps = read_file("/proc/self/maps");
  if (!maps)
    return maps.error();
  return parse_arena_spans(*maps);
}

VmaSpan span_of(const std::vector<VmaSpan>& spans, const char* at)
{
  const auto address = reinterpret_cast<std::uint64_t>(at);
  for (const VmaSpan& span : spans)
    if (span.begin <= address && address < span.end)
      return span;
  return {};
}

Result<bool> merges_behind(const Arena& arena, char* end)
{
  if (auto mapped = arena.map(end, 1); !mapped)
    return mapped.error();
  const auto spans = arena_spans();
  ::munmap(end, page_size());
  if (!spans)
    return spans.error();
  return span_of(*spans, end).begin < reinterpret_cast<std::uint64_t>(end);
}

void report_outcomes(Meter& meter, const MoveOutcomes& outcomes)
{
  meter.outcome("moves_attempted", static_cast<double>(outcomes.attempted));
  meter.outcome("moves_refused", static_cast<double>(outcomes.refused));
  if (outcomes.refused > 0)
    meter.outcome("moves_refused", static_cast<double>(outcomes.refused),
                  ::strerrorname_np(outcomes.refusal));
  if (outcomes.relocated)
    meter.outcome("moves_relocated", static_cast<double>(*outcomes.relocated));
  meter.outcome("moves_merged", static_cast<double>(outcomes.merged));
  meter.outcome("vmas_before", static_cast<double>(outcomes.vmas_before));
  meter.outcome("vmas_after", static_cast<double>(outcomes.vmas_after));
}

}  // namespace rmaplab
