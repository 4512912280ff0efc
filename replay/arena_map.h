// SPDX-License-Identifier: GPL-2.0-only
// Where recorded addresses go: an address space is squeezed into the arena. It is cut into
// blocks of 1 GiB; blocks in use that follow one another are a run, which keeps its order,
// its inner distances and its place modulo 1 GiB (so alignment to huge pages and the sharing of
// page tables stay as they were). Between runs one unused block is left, so that no stack grows
// and no mapping merges across. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/result.h"
#include "replay/trace.h"

namespace rmaplab
{

// From here on the kernel refuses addresses to programs that do not ask for more on purpose
// (x86-64: DEFAULT_MAP_WINDOW; arm64: the default of CONFIG_ARM64_VA_BITS).
#if defined(__aarch64__)
inline constexpr std::uint64_t kRecordedEnd = 1ull << 48;
#else
inline constexpr std::uint64_t kRecordedEnd = 1ull << 47;
#endif

// The ranges that one address space used, from its exec on, its forked children's included.
class UsedRanges
{
 public:
  // Empty ranges count as one byte; what lies beyond kRecordedEnd is cut off.
  void add(std::uint64_t begin, std::uint64_t length);
  // What a row of the trace names. `program_break` is that of the process, 0: not known yet.
  void add_row(const TraceRow& row, std::uint64_t page_size, std::uint64_t& program_break);
  // Whether the arena holds it, squeezed.
  bool fit() const;
  // First and one past the last block of each run, ascending.
  const std::map<std::uint64_t, std::uint64_t>& runs() const { return runs_; }

 private:
  std::map<std::uint64_t, std::uint64_t> runs_;
  std::uint64_t blocks_ = 0;  // of all runs
};

class ArenaMap
{
 public:
  // Errc::unsupported when even the squeezed address space does not fit.
  static Result<ArenaMap> create(const UsedRanges& used);
  // Nothing for an address in no used range. What the kernel refuses (kRecordedEnd and above)
  // becomes an address that it refuses.
  std::optional<std::uint64_t> translate(std::uint64_t recorded) const;

 private:
  struct Run {
    std::uint64_t begin;  // recorded, bytes
    std::uint64_t end;
    std::uint64_t arena;
  };
  explicit ArenaMap(std::vector<Run> runs) : runs_(std::move(runs)) {}
  std::vector<Run> runs_;
};

}  // namespace rmaplab
