// SPDX-License-Identifier: GPL-2.0-only
#include "results/function_counts.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

TEST(FunctionCounts, LineIsOneFunctionOfOneRepetition)
{
  const auto counts = parse_function_counts("plugin", "3 0 6 anon_vma_clone 216 54321\n");
  ASSERT_TRUE(counts);
  EXPECT_EQ(*counts, (std::vector<FunctionCount>{{.window = 3,
                                                  .repetition = 0,
                                                  .operations = 6,
                                                  .function = "anon_vma_clone",
                                                  .calls = 216,
                                                  .instructions = 54321}}));
}

TEST(FunctionCounts, NothingIsNoCounts)
{
  const auto counts = parse_function_counts("plugin", "");
  ASSERT_TRUE(counts);
  EXPECT_TRUE(counts->empty());
}

TEST(FunctionCounts, LineThatAKilledGuestCutOffIsLeftOut)
{
  const auto counts = parse_function_counts("plugin", "0 0 1 a 1 2\n0 0 1 b 1 2");
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->size(), 1u);
  EXPECT_TRUE(parse_function_counts("plugin", "0 0 1 a")->empty());
}

TEST(FunctionCounts, OtherTextIsRejected)
{
  for (const char* line : {"0 0 1 a 1\n", "0 0 1 a 1 x\n", "0 0 0 a 1 2\n", "0 -1 1 a 1 2\n"}) {
    const auto counts = parse_function_counts("plugin", line);
    ASSERT_FALSE(counts) << line;
    EXPECT_EQ(counts.error().code, Errc::parse);
  }
}

}  // namespace
}  // namespace rmaplab
