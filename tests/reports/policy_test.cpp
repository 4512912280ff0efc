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
  if (policy.empty())
    return Policy().rule_for(*find_metric(metric), workload, arguments);
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
            "ci.policy:1: expected level, limit, direction, rule, "
            "ignore, placement or allow, found \"limt\"");
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
  // Half of the gates a false alarm is no gate.
  EXPECT_EQ(rejected("level 2\n"), "ci.policy:1: expected level and a number above 0, at most 0.5");
  EXPECT_EQ(rejected("level 0.9\n"),
            "ci.policy:1: expected level and a number above 0, at most 0.5");
}

TEST(Policy, ATextWithoutARuleIsRefused)
{
  EXPECT_EQ(rejected(""), "ci.policy: has no rule; expected lines like \"limit vmas fork_* 2\"");
  EXPECT_EQ(rejected("# nothing\n\n"),
            "ci.policy: has no rule; expected lines like \"limit vmas fork_* 2\"");
}

TEST(Policy, ALimitIsANumber)
{
  for (const char* limit : {"inf", "nan", "-1", "inf%", "1e999", "x"})
    EXPECT_NE(rejected(std::string("limit vmas * ") + limit + "\n"), "accepted") << limit;
}

TEST(Policy, ContradictionsAreRefusedAndNarrowerLinesAreNone)
{
  EXPECT_EQ(rejected("limit vmas * 1\nlimit vmas * 2\n"),
            "ci.policy:2: contradicts ci.policy:1: limit vmas *");
  EXPECT_EQ(rejected("limit vmas * 1\nignore vmas *\n"),
            "ci.policy:2: contradicts ci.policy:1: limit vmas *");
  EXPECT_EQ(rejected("direction vmas * both\ndirection vmas * lower\n"),
            "ci.policy:2: contradicts ci.policy:1: direction vmas *");
  EXPECT_EQ(rejected("level 0.1\nlevel 0.2\n"), "ci.policy:2: contradicts ci.policy:1: level 0.1");
  EXPECT_EQ(rejected("limit vmas * 1\nlimit vmas fork_* 2\nlimit vmas * 1\n"), "accepted");
  EXPECT_EQ(rejected("allow vma_* * 1%\nignore vmas *\n"), "accepted");
}

TEST(Policy, TheEmptyOperationIsNeverJudged)
{
  EXPECT_FALSE(rule("", "instructions", "null").gated);
  EXPECT_FALSE(rule("limit instructions * 1%\n", "instructions", "null").gated);
}

TEST(Policy, CasesThatNoRunHasAreNamed)
{
  const auto policy = Policy::parse("p", "limit vmas fork_falt:* 1\nlimit vmas fork_* 2\n");
  ASSERT_TRUE(policy);
  EXPECT_EQ(policy->unused({{"vmas", "fork_flat", "vmas=1"}}),
            std::vector<std::string>{"p:1: no case of these runs is fork_falt:*"});
}

TEST(Policy, PlacementIsAShareOfTheBase)
{
  EXPECT_EQ(rule("placement instructions * 0.3%\n", "instructions").placement, 0.003);
  EXPECT_NE(rejected("placement instructions * 3\n"), "accepted");
}

}  // namespace
}  // namespace rmaplab
