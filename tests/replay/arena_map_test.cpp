// SPDX-License-Identifier: GPL-2.0-only
#include "replay/arena_map.h"

#include <gtest/gtest.h>

#include "replay/program.h"

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kGiB = 1ull << 30;

ArenaMap map_of(const UsedRanges& used)
{
  auto map = ArenaMap::create(used);
  EXPECT_TRUE(map);
  return *std::move(map);
}

TEST(ArenaMap, ARunKeepsOrderDistancesAndAlignment)
{
  UsedRanges used;
  used.add(0x5555'5555'4000, 0x1000);
  used.add(0x5555'9555'6000, 3 * kGiB);
  const ArenaMap map = map_of(used);
  const auto low = map.translate(0x5555'5555'4000);
  const auto high = map.translate(0x5555'9555'6000);
  ASSERT_TRUE(low && high);
  EXPECT_EQ(*low % kGiB, 0x5555'5555'4000 % kGiB);
  EXPECT_EQ(*high - *low, 0x5555'9555'6000 - 0x5555'5555'4000);
}

TEST(ArenaMap, BetweenRunsIsOneBlock)
{
  UsedRanges used;
  used.add(0x7fff'0000'0000, 0x1000);
  used.add(0x1000, 0x1000);
  const ArenaMap map = map_of(used);
  EXPECT_EQ(map.translate(0x1000), kReplayArenaBegin + kGiB + 0x1000);
  EXPECT_EQ(map.translate(0x7fff'0000'0000), kReplayArenaBegin + 3 * kGiB);
}

TEST(ArenaMap, ARangeThatEndsAtABlockDoesNotUseTheNext)
{
  UsedRanges used;
  used.add(0, kGiB);
  ASSERT_EQ(used.runs().size(), 1u);
  EXPECT_EQ(used.runs().begin()->second, 1u);
}

TEST(ArenaMap, ARangeMayJoinTwoRuns)
{
  UsedRanges used;
  used.add(0, 1);
  used.add(2 * kGiB, 1);
  EXPECT_EQ(used.runs().size(), 2u);
  used.add(kGiB, 1);
  ASSERT_EQ(used.runs().size(), 1u);
  EXPECT_EQ(used.runs().begin()->second, 3u);
}

TEST(ArenaMap, AnUnusedAddressHasNoPlace)
{
  UsedRanges used;
  used.add(5 * kGiB, 1);
  const ArenaMap map = map_of(used);
  EXPECT_EQ(map.translate(4 * kGiB), std::nullopt);
  EXPECT_EQ(map.translate(6 * kGiB), std::nullopt);
}

TEST(ArenaMap, AnAddressOfTheKernelStaysOne)
{
  const ArenaMap map = map_of({});
  EXPECT_GT(*map.translate(0xffff'8000'0000'0123), kRecordedEnd);
  EXPECT_GT(*map.translate(kRecordedEnd), kRecordedEnd);
  // Near the end of all addresses a range wraps, which the kernel sees.
  EXPECT_EQ(*map.translate(~std::uint64_t{4095}), ~std::uint64_t{4095});
}

TEST(ArenaMap, ARangeOfAnyLengthIsCutOff)
{
  UsedRanges used;
  used.add(kRecordedEnd - kGiB, ~0ull);
  ASSERT_EQ(used.runs().size(), 1u);
  EXPECT_EQ(used.runs().begin()->second, kRecordedEnd / kGiB);
}

TEST(ArenaMap, WhatDoesNotFitIsUnsupported)
{
  UsedRanges used;
  used.add(0, kRecordedEnd);
  const auto map = ArenaMap::create(used);
  ASSERT_FALSE(map);
  EXPECT_EQ(map.error().code, Errc::unsupported);
}

}  // namespace
}  // namespace rmaplab
