// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_info.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "tests/replay/trace_text.h"

namespace rmaplab
{
namespace
{

TEST(TraceInfo, ASmallTraceIsSummedUp)
{
  auto dir = TempDir::create("rmaplab-info");
  ASSERT_TRUE(dir);
  const auto path = dir->path() / "t.csv";
  ASSERT_TRUE(write_file(path, trace_of(kSmallRows)));
  const auto summary = summarize_trace(path);
  ASSERT_TRUE(summary) << to_string(summary.error());
  const auto golden = read_file(std::string(RMAPLAB_TEST_DIR) + "/replay/golden/info.txt");
  ASSERT_TRUE(golden);
  EXPECT_EQ(to_text(*summary), *golden);
}

TEST(TraceInfo, WhatWasSeenAndNotRecordedIsTold)
{
  EXPECT_EQ(seen_text({}), "");
  EXPECT_EQ(seen_text({.seen = {{"mbind", 1200}, {"mseal", 0}, {"o_direct", 1}}}),
            "mbind 1 200, o_direct 1");
}

TEST(TraceInfo, ACurveShowsTheHighestOfEachPartOfTheTime)
{
  EXPECT_EQ(draw_curve({{0, 1}, {10, 4}, {11, 2}, {90, 2}, {100, 0}}, 10, 4),
            "4 | #\n"
            "  | #\n"
            "  | #########\n"
            "0 |##########\n");
}

// What the fuzzer found: a time before the first row's.
TEST(TraceInfo, TimesMayStepBack)
{
  auto reader =
      TraceReader::of_text("t.csv", trace_of("5,1,1,exec,,,,,,,,,,1\n0,1,1,exit,,,,,,,,,,\n"));
  ASSERT_TRUE(reader);
  const auto summary = summarize_trace(*std::move(reader));
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->duration_ns, 5u);
  EXPECT_EQ(summary->longest_ns, 0u);
}

TEST(TraceInfo, NoCurveOfNothing)
{
  EXPECT_EQ(draw_curve({}, 10, 4), "");
  EXPECT_EQ(draw_curve({{5, 0}}, 4, 2), "1 |\n0 |\n");
}

}  // namespace
}  // namespace rmaplab
