// SPDX-License-Identifier: GPL-2.0-only
#include "session/replay_workload.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "session/coordinator.h"
#include "session/plan.h"

namespace rmaplab
{
namespace
{

// Other tests plan without traces.
class ReplayWorkload : public testing::Test
{
 protected:
  ~ReplayWorkload() override { static_cast<void>(use_traces({})); }
};

TEST_F(ReplayWorkload, LabelIsTheFilesNameWithoutItsEndings)
{
  EXPECT_EQ(trace_label("/a/redis.csv.zst"), "redis");
  EXPECT_EQ(trace_label("redis.csv"), "redis");
  EXPECT_EQ(trace_label("x/redis-7.2.csv.zst"), "redis-7.2");
}

TEST_F(ReplayWorkload, TwoTracesOfOneNameAreRefused)
{
  const auto used = use_traces({"a/redis.csv", "b/redis.csv.zst"});
  ASSERT_FALSE(used);
  EXPECT_EQ(used.error().code, Errc::usage);
  EXPECT_EQ(used.error().context, "two traces are called \"redis\": rename one");
}

TEST_F(ReplayWorkload, ANameThatWouldBreakTheArgumentsIsRefused)
{
  EXPECT_FALSE(use_traces({"a;b.csv"}));
}

TEST_F(ReplayWorkload, IsPlannedOnceATraceAndOrder)
{
  const auto cases = plan_cases({.mode = Mode::exact,
                                 .preset = "full",
                                 .filter = "replay",
                                 .passes = "bare",
                                 .traces = {"x/a.csv", "x/b.csv.zst"}});
  ASSERT_TRUE(cases) << to_string(cases.error());
  std::vector<std::string> arguments;
  for (const PlannedCase& planned : *cases)
    if (planned.workload->name != "null")
      arguments.push_back(arguments_text(*planned.workload, planned.values));
  EXPECT_EQ(arguments, (std::vector<std::string>{"trace=a;order=strict;copies=1;moves=recorded",
                                                 "trace=a;order=tree;copies=1;moves=recorded",
                                                 "trace=b;order=strict;copies=1;moves=recorded",
                                                 "trace=b;order=tree;copies=1;moves=recorded"}));
}

TEST_F(ReplayWorkload, WithoutTracesIsNoWorkload)
{
  EXPECT_FALSE(plan_cases({.filter = "replay"}));
  EXPECT_EQ(find_any_workload("replay"), nullptr);
  EXPECT_NE(find_any_workload("null"), nullptr);
}

TEST_F(ReplayWorkload, ItsCasesAreToldTheTraces)
{
  const Plan plan = {.filter = "replay", .passes = "bare", .traces = {"x/a.csv"}};
  const auto cases = plan_cases(plan);
  ASSERT_TRUE(cases);
  const auto words = case_arguments(plan, cases->back());
  EXPECT_NE(std::ranges::find(words, "--trace=x/a.csv"), words.end());
  const auto of_null = case_arguments(plan, cases->front());
  EXPECT_EQ(std::ranges::find(of_null, "--trace=x/a.csv"), of_null.end());
}

}  // namespace
}  // namespace rmaplab
