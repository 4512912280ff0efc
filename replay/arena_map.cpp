// SPDX-License-Identifier: GPL-2.0-only
#include "replay/arena_map.h"

#include <fmt/format.h>

#include <algorithm>

#include "replay/program.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kBlock = 1ull << 30;
constexpr std::uint64_t kRefusedAddress = 0xffff'ffff'ffff'f000;

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
    at = runs_.erase(at);
  }
  runs_[first_block] = past_block;
}

Result<ArenaMap> ArenaMap::create(const UsedRanges& used)
{
  std::vector<Run> runs;
  std::uint64_t block = kReplayArenaBegin / kBlock + 1;  // below: where a stack may grow
  for (const auto& [first, past] : used.runs()) {
    const std::uint64_t blocks = past - first;
    if (blocks > kReplayArenaEnd / kBlock - block)
      return Error{.code = Errc::unsupported,
                   .context = fmt::format("the address space of the trace takes more than {} GiB",
                                          (kReplayArenaEnd - kReplayArenaBegin) / kBlock)};
    runs.push_back({.begin = first * kBlock, .end = past * kBlock, .arena = block * kBlock});
    block += blocks + 1;
    if (block >= kReplayArenaEnd / kBlock)
      block = kReplayArenaEnd / kBlock;
  }
  return ArenaMap(std::move(runs));
}

std::optional<std::uint64_t> ArenaMap::translate(std::uint64_t recorded) const
{
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
