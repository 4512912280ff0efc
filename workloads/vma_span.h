// SPDX-License-Identifier: GPL-2.0-only
// Which VMAs of the arena are one: what merged, and what would.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "workloads/arena.h"
#include "workloads/meter.h"

namespace rmaplab
{

struct VmaSpan {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // first address behind
  bool operator==(const VmaSpan&) const = default;
};

// Pure. Those of /proc/PID/maps that begin in the arena, in order.
Result<std::vector<VmaSpan>> parse_arena_spans(std::string_view maps);
// Of this process, now.
Result<std::vector<VmaSpan>> arena_spans();
// The one that holds `at`; none: empty.
VmaSpan span_of(const std::vector<VmaSpan>& spans, const char* at);

// Whether a VMA of the arena that ends at `end` would merge with an unfaulted one behind it,
// as one whose page offset belongs to its address does and one that was moved does not: the
// trace of a relocation that user space can see. Maps a page there and takes it away again.
Result<bool> merges_behind(const Arena& arena, char* end);

// What came of moves, for Meter::outcome().
struct MoveOutcomes {
  std::size_t attempted = 0;
  std::size_t refused = 0;
  int refusal = 0;                       // errno of the last one
  std::optional<std::size_t> relocated;  // left where an unfaulted neighbour merges, or did
  std::size_t merged = 0;                // VMAs fewer than if each had stayed one
  std::size_t vmas_before = 0;
  std::size_t vmas_after = 0;
};
void report_outcomes(Meter& meter, const MoveOutcomes& outcomes);

}  // namespace rmaplab
