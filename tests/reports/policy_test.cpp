// SPDX-License-Identifier: GPL-2.0-only
#include "reports/policy.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

GateRule rule(const std::string& policy, const char* metric, const std::string& workload = "w",
              const std::string& arguments = "")
{
  const auto parsed = Policy::parse("p", policy);
  EXPECT_TRUE(parsed) << to_string(parsed.error());
  return parsed->rule_for(*find_metric(metric), workload, arguments);
}

std::string rejected(const std::string& policy)
{
  const auto parsed = Policy::parse("ci.policy", policy);
  return parsed ? "accepted" : to_string(parsed.error());
}

TEST(Policy, WithoutRulesTheRegistryDecides)
{
  const GateRule instructions = rule("", "instructions");
  EXPECT_TRUE(instructions.gated);
  EXPECT_EQ(instructions.limit.value, find_metric("instructions")->floor);
  EXPECT_EQ(instructions.better, Watch::lower);
  EXPECT_EQ(instructions.kind, MetricClass::deterministic);
  EXPECT_FALSE(rule("", "process_vmas").gated);  // neither more nor fewer is better
}

TEST(Policy, TheLastLineThatFitsCounts)
{
  const std::string policy =
      "limit instructions * 0.5%\nlimit instructions fork_* 2%\nlimit vmas * 3\n";
  EXPECT_EQ(rule(policy, "instructions", "teardown").limit.value, 0.005);
  EXPECT_EQ(rule(policy, "instructions", "fork_flat").limit.value, 0.02);
  EXPECT_FALSE(rule(policy, "vmas").limit.relative);
  EXPECT_EQ(rule(policy, "vmas").limit.value, 3);
}

TEST(Policy, OneCaseIsNamedWithItsArguments)
{
  const std::string policy = "limit instructions fork_flat:vmas=0 9%\n";
  EXPECT_EQ(rule(policy, "instructions", "fork_flat", "vmas=0").limit.value, 0.09);
  EXPECT_EQ(rule(policy, "instructions", "fork_flat", "vmas=16").limit.value, 0.001);
}

TEST(Policy, AMetricIsIgnoredUntilALaterLineWantsIt)
{
  EXPECT_FALSE(rule("ignore slab_* *\n", "slab_anon_vma").gated);
  EXPECT_TRUE(rule("ignore slab_* *\nlimit slab_anon_vma * 4\n", "slab_anon_vma").gated);
  EXPECT_TRUE(rule("direction process_vmas * both\n", "process_vmas").gated);
}

TEST(Policy, DirectionAndRuleAreTheUsersToo)
{
  EXPECT_EQ(rule("direction vmas * higher\n", "vmas").better, Watch::higher);
  EXPECT_EQ(rule("rule vmas * noisy\n", "vmas").kind, MetricClass::noisy);
}

TEST(Policy, CommentsAndEmptyLinesAreNothing)
{
  const auto parsed = Policy::parse("p", "# a gate\n\nlevel 0.01  # strict\n");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->level(), 0.01);
}

TEST(Policy, AMistakeIsNamedWithFileAndLine)
{
  EXPECT_EQ(rejected("\nlimit instrctions * 1%\n"),
            "ci.policy:2: expected a metric, found \"instrctions\"; see `rmaplab list --metrics`");
  EXPECT_EQ(rejected("limt vmas * 1\n"),
            "ci.policy:1: expected level, limit, direction, rule or ignore, found \"limt\"");
  EXPECT_EQ(rejected("limit vmas *\n"),
            "ci.policy:1: expected limit METRICS CASES VALUE, found 3 words");
  EXPECT_EQ(rejected("ignore vmas * 3\n"),
            "ci.policy:1: expected ignore METRICS CASES, found 4 words");
  EXPECT_EQ(rejected("limit vmas * -1\n"),
            "ci.policy:1: expected a limit like 0.5% or 2, found \"-1\"");
  EXPECT_EQ(rejected("limit vmas * nan%\n"),
            "ci.policy:1: expected a limit like 0.5% or 2, found \"nan%\"");
  EXPECT_EQ(rejected("direction vmas * up\n"),
            "ci.policy:1: expected lower, higher or both, found \"up\"");
  EXPECT_EQ(rejected("rule vmas * fuzzy\n"),
            "ci.policy:1: expected exact, deterministic or noisy, found \"fuzzy\"");
  EXPECT_EQ(rejected("level 2\n"), "ci.policy:1: expected level and a number between 0 and 1");
}

}  // namespace
}  // namespace rmaplab
