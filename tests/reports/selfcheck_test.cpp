// SPDX-License-Identifier: GPL-2.0-only
#include "reports/selfcheck.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

Run run_of(const char* metric, const std::vector<double>& boots)
{
  Run run;
  for (std::size_t i = 0; i < boots.size(); ++i)
    run.samples.push_back({.boot = static_cast<int>(i) + 1,
                           .workload = "fork_flat",
                           .arguments = "vmas=16",
                           .metric = metric,
                           .value = boots[i]});
  return run;
}

TEST(Selfcheck, IdenticalRunsRaiseNoAlarmAndSeeTheFloor)
{
  SelfcheckStudy study({});
  for (int i = 0; i < 3; ++i)
    study.add(run_of("instructions", {1000}), run_of("instructions", {1000}));
  const Selfcheck check = study.result();
  EXPECT_EQ(check.comparisons, 3u);
  EXPECT_EQ(check.alarmed, 0u);
  ASSERT_EQ(check.metrics.size(), 1u);
  EXPECT_DOUBLE_EQ(*check.metrics[0].visible_worst, find_metric("instructions")->floor);
}

TEST(Selfcheck, AChangeThatIsNoneIsAnAlarmInEitherDirection)
{
  SelfcheckStudy study({});
  study.add(run_of("instructions", {1000}), run_of("instructions", {1100}));
  study.add(run_of("instructions", {1000}), run_of("instructions", {900}));
  study.add(run_of("instructions", {1000}), run_of("instructions", {1000}));
  const Selfcheck check = study.result();
  EXPECT_EQ(check.alarmed, 2u);
  EXPECT_EQ(check.row_alarms, 2u);
  EXPECT_EQ(check.alarms.at(0), "comparison 1: fork_flat vmas=16: instructions +10.000%");
  EXPECT_NEAR(check.metrics.at(0).scatter_worst, 0.2, 1e-12);
}

TEST(Selfcheck, NoisyMetricIsSeenFromItsScatterAndItsBoots)
{
  SelfcheckStudy few({});
  few.add(run_of("wall_time", {100, 101, 102}), run_of("wall_time", {101, 100, 102}));
  EXPECT_FALSE(few.result().metrics.at(0).visible_worst);
  SelfcheckStudy enough({});
  enough.add(run_of("wall_time", {100, 101, 102, 103, 104, 105}),
             run_of("wall_time", {101, 100, 102, 104, 103, 105}));
  const auto visible = enough.result().metrics.at(0).visible_worst;
  ASSERT_TRUE(visible);
  EXPECT_GT(*visible, 0.02);  // above the floor, as it scatters
  EXPECT_LT(*visible, 0.2);
}

TEST(Selfcheck, WhatAReportQuotesSaysHowSureItIs)
{
  SelfcheckStudy study({});
  for (int i = 0; i < 20; ++i)
    study.add(run_of("instructions", {1000}), run_of("instructions", {1000}));
  Manifest facts = selfcheck_facts(study.result());
  facts["mode"] = "exact";
  facts["kernel.release"] = "7.2.13";
  EXPECT_EQ(selfcheck_line(facts),
            "selfcheck on this machine (exact, 1 boots a side, 7.2.13): 0 of 20 comparisons of a "
            "kernel with itself raised a false alarm, at most 16.8 % (95 %); smallest visible "
            "change of instructions: 0.10% in the middle case, 0.10% in the worst");
  EXPECT_EQ(selfcheck_line({}), "");
}

TEST(Selfcheck, ARateIsWithinItsLevelUntilItsIntervalSaysOtherwise)
{
  EXPECT_TRUE(rate_is_within({.comparisons = 20, .alarmed = 2}));
  EXPECT_FALSE(rate_is_within({.comparisons = 20, .alarmed = 6}));
}

}  // namespace
}  // namespace rmaplab
