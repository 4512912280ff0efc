// SPDX-License-Identifier: GPL-2.0-only
#include "replay/arena_map.h"

#include <fmt/format.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <sys/mman.h>

#include <algorithm>

#include "replay/program.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kBlock = 1ull << 30;
// In the kernel's half on all architectures.
constexpr std::uint64_t kRefusedAddress = 0xffff'8000'0000'0000;
constexpr std::uint64_t kFirstBlock = kReplayArenaBegin / kBlock + 1;  // below: a stack may grow
constexpr std::uint64_t kArenaBlocks = kReplayArenaEnd / kBlock - kFirstBlock;

}  // namespace

void UsedRanges::add(std::uint64_t begin, std::uint64_t length)
{
  if (begin >= kRecordedEnd)
    return;
  const std::uint64_t last =
      begin + std::min(std::max<std::uint64_t>(length, 1), kRecordedEnd - begin) - 1;
  std::uint64_t first_block = begin / kBlock;
  std::uint64_t past_block = last / kBlock + 1;
  auto at = runs_.upper_bound(first_block);
  if (at != runs_.begin() && std::prev(at)->second >= first_block)
    --at;  // it touches the run before
  while (at != runs_.end() && at->first <= past_block) {
    if (at->first <= first_block && at->second >= past_block)
      return;
    first_block = std::min(first_block, at->first);
    past_block = std::max(past_block, at->second);
    blocks_ -= at->second - at->first;
    at = runs_.erase(at);
  }
  runs_[first_block] = past_block;
  blocks_ += past_block - first_block;
}

void UsedRanges::add_row(const TraceRow& r, std::uint64_t page_size, std::uint64_t& program_break)
{
  const auto result = static_cast<std::uint64_t>(r.result);
  // A range that the kernel refused may have any length; where it begins is enough.
  const bool whole = r.result >= 0;
  switch (r.event) {
    case TraceEvent::vma:
      if (!(r.flags & kVmaSpecial))
        add(r.address, r.length);
      return;
    case TraceEvent::mmap:
      if (whole)
        add(result, r.length);
      else if (r.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
        add(r.address, 1);
      return;
    case TraceEvent::mremap:
      add(r.address, whole ? r.length : 1);
      if (whole)
        add(result, r.new_length);
      else if (r.flags & MREMAP_FIXED)
        add(r.new_address, 1);
      return;
    case TraceEvent::brk:
      if (r.result > 0) {
        const std::uint64_t from = program_break ? std::min(program_break, result) : result;
        add(from, std::max(program_break, result) - from + page_size);
        program_break = result;
      }
      return;
    case TraceEvent::prctl:
      if (r.flags == PR_SET_VMA)
        add(r.length, whole ? r.new_length : 1);
      return;
    case TraceEvent::uffd_move:
      add(r.address, whole ? r.length : 1);
      add(r.new_address, whole ? r.length : 1);
      return;
    case TraceEvent::mlock:
    case TraceEvent::mlock2:
    case TraceEvent::munlock:
      // They round outwards, modulo 2^64: at the very end of it to nothing, which succeeds.
      add(r.address, whole && r.length < kRecordedEnd ? r.length : 1);
      return;
    case TraceEvent::munmap:
    case TraceEvent::mprotect:
    case TraceEvent::pkey_mprotect:
    case TraceEvent::madvise:
      add(r.address, whole ? r.length : 1);
      return;
    case TraceEvent::read:
    case TraceEvent::write:
    case TraceEvent::fetch:
      add(r.address, 1);
      return;
    default:
      return;
  }
}

bool UsedRanges::fit() const
{
  return blocks_ + runs_.size() <= kArenaBlocks;
}

Result<ArenaMap> ArenaMap::create(const UsedRanges& used)
{
  if (!used.fit())
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("the address space of the trace takes more than {} GiB",
                                        kArenaBlocks)};
  std::vector<Run> runs;
  std::uint64_t block = kFirstBlock;
  for (const auto& [first, past] : used.runs()) {
    runs.push_back({.begin = first * kBlock, .end = past * kBlock, .arena = block * kBlock});
    block += past - first + 1;
  }
  return ArenaMap(std::move(runs));
}

std::optional<std::uint64_t> ArenaMap::translate(std::uint64_t recorded) const
{
  if (recorded >= kRefusedAddress)
    return recorded;
  if (recorded >= kRecordedEnd)
    return kRefusedAddress + recorded % 4096;
  const auto after =
      std::upper_bound(runs_.begin(), runs_.end(), recorded,
                       [](std::uint64_t address, const Run& run) { return address < run.begin; });
  if (after == runs_.begin() || std::prev(after)->end <= recorded)
    return std::nullopt;
  return std::prev(after)->arena + (recorded - std::prev(after)->begin);
}

}  // namespace rmaplab
