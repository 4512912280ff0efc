// SPDX-License-Identifier: GPL-2.0-only
// What some boots say and others do not: no verdict rests on the boots that agree.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "reports/functions.h"
#include "reports/gate.h"
#include "tests/reports/samples.h"

namespace rmaplab
{
namespace
{

using Values = std::map<int, double>;  // by boot, which is the replica

std::vector<Sample> rows(const char* metric, const Values& values, const char* site = "")
{
  std::vector<Sample> samples;
  for (const auto& [boot, value] : values)
    samples.push_back({.boot = boot,
                       .replica = boot,
                       .workload = "fork_flat",
                       .arguments = "vmas=4",
                       .metric = metric,
                       .unit = std::string(find_metric(metric)->unit),
                       .value = value,
                       .pass = "bare",
                       .site = site});
  return samples;
}

Gate judged(const std::vector<Sample>& base, const std::vector<Sample>& head,
            const std::string& policy = "")
{
  const Run left{.manifest = {{"mode", "exact"}}, .samples = base};
  const Run right{.manifest = {{"mode", "exact"}}, .samples = head};
  const Policy rules = policy.empty() ? Policy() : *Policy::parse("p", policy);
  Gate gate = judge(compare_runs(left, right), rules);
  weigh_functions(gate, rules, left, right);
  return gate;
}

GateVerdict verdict(const char* metric, const Values& base, const Values& head)
{
  return judged(rows(metric, base), rows(metric, head)).verdict;
}

Verdict compared(const char* metric, const Values& base, const Values& head)
{
  const Run left{.manifest = {{"mode", "exact"}}, .samples = rows(metric, base)};
  const Run right{.manifest = {{"mode", "exact"}}, .samples = rows(metric, head)};
  return compare_runs(left, right).rows.at(0).verdict;
}

TEST(GateBoots, TwinsThatAgreeDoNotHideABootWithoutATwin)
{
  for (const char* metric : {"instructions", "vmas"}) {
    const Values base = {{1, 352000}};
    const Values same = {{1, 352000}, {2, 352000}, {3, 352000}};
    const Values worse = {{1, 352000}, {2, 355900}, {3, 355900}};
    EXPECT_EQ(verdict(metric, base, same), GateVerdict::pass) << metric;
    EXPECT_EQ(verdict(metric, base, worse), GateVerdict::inconclusive) << metric;
    EXPECT_EQ(compared(metric, base, same), Verdict::identical) << metric;
    EXPECT_EQ(compared(metric, base, worse), Verdict::undecided) << metric;
    // Of the base as well: what it alone has seen may be what the head lost.
    EXPECT_NE(verdict(metric, worse, base), GateVerdict::pass) << metric;
    EXPECT_EQ(compared(metric, worse, base), Verdict::undecided) << metric;
  }
}

TEST(GateBoots, ReplicasOfTheBaseWithoutATwinAreMissing)
{
  const Values base = {{1, 352000}, {2, 352000}, {3, 352000}};
  const Gate gate = judged(rows("instructions", base),
                           rows("instructions", {{3, 352000}, {4, 352000}, {5, 352000}}));
  EXPECT_EQ(gate.verdict, GateVerdict::inconclusive);
  ASSERT_EQ(gate.gaps.size(), 1U);
  EXPECT_EQ(gate.gaps[0].gap.text,
            "boots 1, 2 of the base have no twin: measure the same replicas");
}

TEST(GateBoots, AnAllowanceDoesNotCoverOneBootBeyondIt)
{
  const Values base = {{1, 352000}, {2, 352100}, {3, 352200}};
  Values head = {{1, 353400}, {2, 353500}, {3, 353600}};
  const std::string policy = "allow * * 0.5%\n";
  EXPECT_EQ(judged(rows("instructions", base), rows("instructions", head), policy).verdict,
            GateVerdict::pass);
  head[3] = 528000;
  EXPECT_EQ(judged(rows("instructions", base), rows("instructions", head), policy).verdict,
            GateVerdict::inconclusive);
}

// Two functions that make up the mean, the second dearer on the head by 2 %.
std::vector<Sample> with_functions(double second, const std::vector<int>& counted, bool mean)
{
  std::vector<Sample> all;
  for (int boot = 1; boot <= 3; ++boot) {
    const double sum = 300000 + second;
    all = all + rows("instructions", {{boot, sum}});
    if (mean)
      all = all + rows("instructions_mean", {{boot, sum}});
    if (std::find(counted.begin(), counted.end(), boot) != counted.end())
      all = all + rows("function_instructions", {{boot, 300000}}, "copy_mm") +
            rows("function_instructions", {{boot, second}}, "unlink_anon_vmas");
  }
  return all;
}

TEST(GateBoots, AnAllowanceByFunctionNeedsTheFunctionsOfEveryBootAndWhatTheyAddUpTo)
{
  const std::string policy = "allow unlink_anon_vmas * 5%\n";
  const std::vector<int> all = {1, 2, 3};
  EXPECT_EQ(
      judged(with_functions(50000, all, true), with_functions(57000, all, true), policy).verdict,
      GateVerdict::pass);
  EXPECT_EQ(
      judged(with_functions(50000, all, true), with_functions(57000, {1}, true), policy).verdict,
      GateVerdict::fail);
  EXPECT_EQ(
      judged(with_functions(50000, all, false), with_functions(57000, all, false), policy).verdict,
      GateVerdict::fail);
}

TEST(GateBoots, FunctionsOfSomeBootsOrWithoutTheirSumAreTold)
{
  const std::vector<int> all = {1, 2, 3};
  const auto told = [&](const std::vector<Sample>& head) {
    return function_shortcomings({.samples = with_functions(50000, all, true)}, {.samples = head})
        .size();
  };
  EXPECT_EQ(told(with_functions(57000, all, true)), 0U);
  EXPECT_EQ(told(with_functions(57000, {1}, true)), 1U);
  EXPECT_EQ(told(with_functions(57000, all, false)), 1U);
}

TEST(GateBoots, WhatWasLostOnBothSidesIsNoPass)
{
  const auto skipped = [](const char* reason) {
    auto all = rows("vmas", {{1, 5}}) + rows("instructions", {{1, 1}});
    all.back().value.reset();
    all.back().status = SampleStatus::skip;
    all.back().reason = reason;
    return all;
  };
  const auto both = [&](const char* reason) {
    return judged(skipped(reason), skipped(reason)).verdict;
  };
  EXPECT_EQ(both("7 object events did not fit in the buffer"), GateVerdict::inconclusive);
  EXPECT_EQ(both("events were lost"), GateVerdict::inconclusive);
  EXPECT_EQ(both("the CPU idled"), GateVerdict::pass);
}

TEST(GateBoots, AHighLevelDoesNotMakeAProofOfNoChange)
{
  std::vector<Sample> base;
  std::vector<Sample> head;
  // Eight boots whose ranges overlap widely, each 8 % slower.
  const double boots[] = {80, 86, 95, 100, 104, 113, 121, 130};
  int number = 0;
  for (const double value : boots) {
    base = base + rows("wall_time", {{++number, value}});
    head = head + rows("wall_time", {{number, value * 1.08}});
  }
  EXPECT_NE(judged(base, head, "level 0.5\nlimit wall_time * 2%\n").verdict, GateVerdict::pass);
}

TEST(GateBoots, WhatTheKernelsDifferInBesidesIsTold)
{
  rmaplab::Run base{.manifest = {{"mode", "exact"}}, .samples = rows("vmas", {{1, 5}})};
  rmaplab::Run head = base;
  base.config = "CONFIG_KASAN=y\n";
  head.config = "# CONFIG_KASAN is not set\n";
  head.manifest["kernel_log.boot"] = "BUG: KASAN: use-after-free (and 2 more)";
  std::string notes;
  for (const auto& note : judge(compare_runs(base, head), Policy()).notes)
    notes += note + "\n";
  EXPECT_NE(notes.find("the configurations differ in 1 option: KASAN: y -> n"), std::string::npos);
  EXPECT_NE(notes.find("head: its kernel complained while it booted: BUG: KASAN"),
            std::string::npos);
  EXPECT_NE(notes.find("neither says its preset, pin, kernel.machine, qemu.version"),
            std::string::npos)
      << notes;
}

}  // namespace
}  // namespace rmaplab
