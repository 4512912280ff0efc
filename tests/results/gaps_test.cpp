// SPDX-License-Identifier: GPL-2.0-only
#include "results/gaps.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

Sample row(int boot, const char* pass, const char* arguments = "")
{
  return {.boot = boot, .workload = "w", .arguments = arguments, .pass = pass};
}

std::vector<std::string> texts(const Manifest& manifest, const std::vector<Sample>& samples)
{
  std::vector<std::string> all;
  for (const Gap& gap : gaps_of(manifest, samples))
    all.push_back((gap.failed ? "failed: " : "") + gap.text);
  return all;
}

using Texts = std::vector<std::string>;

TEST(Gaps, AWholeRunHasNone)
{
  EXPECT_EQ(texts({{"plan.boots", "2"}, {"plan.cases.1", "bare=2"}, {"plan.cases.2", "bare=1"}},
                  {row(1, "bare", "n=1"), row(1, "bare", "n=2"), row(2, "bare")}),
            Texts{});
}

TEST(Gaps, CasesWithoutRowsAreCountedByBootAndPass)
{
  EXPECT_EQ(
      texts({{"plan.boots", "2"}, {"plan.cases.1", "bare=3 state=2"}, {"plan.cases.2", "bare=1"}},
            {row(1, "bare", "n=1"), row(1, "bare", "n=1"), row(2, "bare")}),
      (Texts{"boot 1 of 2: 2 of 3 cases of pass bare have no rows",
             "boot 1 of 2: 2 of 2 cases of pass state have no rows"}));
}

TEST(Gaps, ABootWithoutRowsIsOne)
{
  EXPECT_EQ(texts({{"replicas", "3"}}, {row(1, "bare"), row(3, "bare")}),
            Texts{"boot 2 of 3: no rows"});
}

TEST(Gaps, WhatIsNotKnownOrLostIsOne)
{
  EXPECT_EQ(texts({{"plan.boots", "1"}}, {row(1, "bare")}),
            Texts{"boot 1 of 1: its plan is not known"});
  EXPECT_EQ(texts({{"kernel_log.lost", "500 or more records"}}, {}),
            Texts{"the kernel's log lost 500 or more records: complaints may be among them"});
  EXPECT_EQ(texts({{"workload.w", "1"}, {"workload.gone", "1"}}, {row(1, "bare")}),
            Texts{"gone has no rows"});
  EXPECT_EQ(
      texts({{"failure", "a"}, {"failure.x", "b"}, {"failure.y", "c"}}, {}),
      (Texts{"failed: a boot failed: a", "failed: a boot failed: b", "failed: a boot failed: c"}));
}

TEST(Gaps, ACaseOfTheExactLabWithoutInstructionsIsOne)
{
  Sample counted = row(1, "bare", "n=1");
  counted.metric = "instructions";
  EXPECT_EQ(texts({{"mode", "exact"}}, {counted, row(1, "bare", "n=2")}),
            Texts{"1 case of pass bare has no row of instructions, first w n=2 in boot 1"});
  EXPECT_EQ(texts({{"mode", "host"}}, {counted, row(1, "bare", "n=2")}), Texts{});
}

TEST(Gaps, FailedBootsComeFirstInTheirOrder)
{
  EXPECT_EQ(
      texts({{"failure.10", "b"}, {"failure.9", "a"}, {"plan.boots", "1"}}, {}),
      (Texts{"failed: a boot failed: a", "failed: a boot failed: b", "boot 1 of 1: no rows"}));
}

TEST(Gaps, TheHostsRunningKernelIsItsFirstBoot)
{
  EXPECT_EQ(texts({{"plan.boots", "1"}, {"plan.cases.1", "bare=1"}}, {row(0, "bare")}), Texts{});
}

TEST(Gaps, OldManifestsPromiseNothing)
{
  EXPECT_EQ(texts({{"mode", "host"}}, {}), Texts{});
}

}  // namespace
}  // namespace rmaplab
