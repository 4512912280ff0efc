// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/vma_span.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include "workloads/pattern.h"

namespace rmaplab
{
namespace
{

constexpr std::string_view kMaps =
    "00400000-00401000 r-xp 00000000 fe:01 17                         /bin/x\n"
    "1000000000-1000004000 rw-p 00000000 00:00 0 \n"
    "1000005000-1000006000 r--p 00000000 00:00 0 \n"
    "7fff00000000-7fff00021000 rw-p 00000000 00:00 0                  [stack]\n";

TEST(VmaSpan, OnlyTheArenasAreTaken)
{
  const auto spans = parse_arena_spans(kMaps);
  ASSERT_TRUE(spans);
  EXPECT_EQ(*spans, (std::vector<VmaSpan>{{.begin = 0x1000000000, .end = 0x1000004000},
                                          {.begin = 0x1000005000, .end = 0x1000006000}}));
}

TEST(VmaSpan, AnAddressIsInTheSpanThatBeginsThereAndNotInTheOneThatEndsThere)
{
  const auto spans = parse_arena_spans(kMaps);
  ASSERT_TRUE(spans);
  const auto begin_at = [&](std::uint64_t address) {
    return span_of(*spans, reinterpret_cast<const char*>(address)).begin;
  };
  EXPECT_EQ(begin_at(0x1000000000), 0x1000000000u);
  EXPECT_EQ(begin_at(0x1000003fff), 0x1000000000u);
  EXPECT_EQ(begin_at(0x1000004000), 0u);
}

TEST(VmaSpan, ALineWithoutARangeIsNamed)
{
  for (const char* text : {"1000000000 rw-p\n", "1000000000-x rw-p\n", "2000-1000 rw-p\n"}) {
    const auto spans = parse_arena_spans(text);
    ASSERT_FALSE(spans) << text;
    EXPECT_EQ(spans.error().code, Errc::parse);
  }
}

TEST(VmaSpan, WhatWasFaultedInPlaceMergesBehindAndWhatWasMovedDoesNot)
{
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer's shadow lies in the arena";
#endif
  auto arena = Arena::create();
  ASSERT_TRUE(arena);
  ASSERT_TRUE(arena->map(arena->at(0), 1));
  touch(arena->at(0), 1);
  EXPECT_TRUE(*merges_behind(*arena, arena->at(1)));
  ASSERT_NE(
      ::mremap(arena->at(0), page_size(), page_size(), MREMAP_MAYMOVE | MREMAP_FIXED, arena->at(8)),
      MAP_FAILED);
  EXPECT_FALSE(*merges_behind(*arena, arena->at(9)));
  EXPECT_EQ(arena_spans()->size(), 1u);
}

}  // namespace
}  // namespace rmaplab
