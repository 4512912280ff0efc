// SPDX-License-Identifier: GPL-2.0-only
#include "session/coordinator.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rmaplab
{
namespace
{

std::vector<std::string> example()
{
  const Plan plan{.mode = Mode::smp, .preset = "full", .replica = 7};
  return case_arguments(
      plan, {.workload = find_workload("fork_skip"), .values = {16, 1}, .pass = Pass::state});
}

bool has(const std::vector<std::string>& words, const char* word)
{
  return std::count(words.begin(), words.end(), word) == 1;
}

TEST(CaseArguments, BeginWithTheCommandTheWorkloadAndItsArguments)
{
  const auto words = example();
  ASSERT_GE(words.size(), 3u);
  EXPECT_EQ(words[0], "case");
  EXPECT_EQ(words[1], "fork_skip");
  EXPECT_EQ(words[2], "vmas=16;kind=dontfork");
}

TEST(CaseArguments, SayPassModeAndPreset)
{
  const auto words = example();
  EXPECT_TRUE(has(words, "--pass=state"));
  EXPECT_TRUE(has(words, "--mode=smp"));
  EXPECT_TRUE(has(words, "--preset=full"));
}

TEST(CaseArguments, SayTheReplica)
{
  EXPECT_TRUE(has(example(), "--replica=7"));
}

TEST(CaseArguments, KeepAnEmptyWordForAWorkloadWithoutArguments)
{
  const auto words = case_arguments({}, {.workload = find_workload("null"), .values = {}});
  ASSERT_GE(words.size(), 3u);
  EXPECT_EQ(words[2], "");
}

TEST(CaseArguments, DifferFromCaseToCaseOfAPlan)
{
  const auto cases = plan_cases({.preset = "full"});
  ASSERT_TRUE(cases);
  std::vector<std::vector<std::string>> all;
  for (const PlannedCase& planned : *cases)
    all.push_back(case_arguments({.preset = "full"}, planned));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::adjacent_find(all.begin(), all.end()), all.end());
}

}  // namespace
}  // namespace rmaplab
