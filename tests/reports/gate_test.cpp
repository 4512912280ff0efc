// SPDX-License-Identifier: GPL-2.0-only
#include "reports/gate.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/reports/samples.h"

namespace rmaplab
{
namespace
{

// Values of one metric, one a boot.
std::vector<Sample> boots(const char* metric, const std::vector<double>& values,
                          const char* site = "")
{
  std::vector<Sample> samples;
  for (std::size_t i = 0; i < values.size(); ++i)
    samples.push_back({.boot = static_cast<int>(i) + 1,
                       .workload = "fork_flat",
                       .arguments = "vmas=16;kind=x",
                       .metric = metric,
                       .value = values[i],
                       .site = site});
  return samples;
}

Gate judged(const std::vector<Sample>& base, const std::vector<Sample>& head,
            const std::string& policy = "")
{
  const Run left{.samples = base};
  const Run right{.samples = head};
  const Policy rules = policy.empty() ? Policy() : *Policy::parse("p", policy);
  Gate gate = judge(compare_runs(left, right), rules);
  weigh_functions(gate, rules, left, right);
  return gate;
}

GateVerdict verdict(const char* metric, const std::vector<double>& base,
                    const std::vector<double>& head, const std::string& policy = "")
{
  return judged(boots(metric, base), boots(metric, head), policy).verdict;
}

TEST(Gate, ExactMetricFailsByOneAndOnlyInItsBadDirection)
{
  EXPECT_EQ(verdict("vmas", {10}, {10}), GateVerdict::pass);
  EXPECT_EQ(verdict("vmas", {10}, {11}), GateVerdict::fail);
  EXPECT_EQ(verdict("vmas", {10}, {9}), GateVerdict::pass);
  EXPECT_EQ(verdict("vmas", {10}, {9}, "direction vmas * both\n"), GateVerdict::fail);
}

TEST(Gate, LimitIsHowMuchWorseIsStillGood)
{
  EXPECT_EQ(verdict("vmas", {10}, {12}, "limit vmas * 2\n"), GateVerdict::pass);
  EXPECT_EQ(verdict("vmas", {10}, {13}, "limit vmas * 2\n"), GateVerdict::fail);
  EXPECT_EQ(
      verdict("instructions", {1000, 1000, 1000}, {1009, 1009, 1009}, "limit instructions * 1%\n"),
      GateVerdict::pass);
  EXPECT_EQ(
      verdict("instructions", {1000, 1000, 1000}, {1011, 1011, 1011}, "limit instructions * 1%\n"),
      GateVerdict::fail);
}

TEST(Gate, RangesOfReplicasThatOverlapAreInconclusiveBeyondTheLimit)
{
  EXPECT_EQ(verdict("instructions", {1000, 1000, 1100}, {1050, 1060, 1070}),
            GateVerdict::inconclusive);
  EXPECT_EQ(verdict("instructions", {1000, 1001, 1002}, {1050, 1060, 1070}), GateVerdict::fail);
}

TEST(Gate, TooFewBootsOfANoisyMetricNeverPass)
{
  EXPECT_EQ(verdict("wall_time", {100, 101, 102}, {100, 101, 102}), GateVerdict::inconclusive);
  const Gate gate =
      judged(boots("wall_time", {100, 101, 102}), boots("wall_time", {200, 201, 202}));
  EXPECT_EQ(gate.verdict, GateVerdict::inconclusive);
  EXPECT_EQ(gate.rows[0].why, "3 against 3 boots can reach p = 0.1 at best, the level is 0.05");
}

TEST(Gate, NoisyMetricFailsWhenBootsTellAndPassesWhenTheyShowNoChange)
{
  EXPECT_EQ(verdict("wall_time", {100, 101, 102, 103, 104}, {120, 121, 122, 123, 124}),
            GateVerdict::fail);
  EXPECT_EQ(verdict("wall_time", {120, 121, 122, 123, 124}, {100, 101, 102, 103, 104}),
            GateVerdict::pass);
  EXPECT_EQ(verdict("wall_time", {100, 100.1, 100.2, 99.9, 99.8}, {100, 100.1, 100.2, 99.9, 99.8}),
            GateVerdict::pass);
}

TEST(Gate, HolmMakesManyMetricsHarderToCall)
{
  // p of 5 against 5 boots is 0.0079 at best: enough alone, too much for ten together.
  std::vector<Sample> base;
  std::vector<Sample> head;
  for (int i = 0; i < 10; ++i) {
    auto left = boots("wall_time", {100, 101, 102, 103, 104});
    auto right = boots("wall_time", i == 0 ? std::vector<double>{120, 121, 122, 123, 124}
                                           : std::vector<double>{104, 100, 102, 103, 101});
    for (auto* side : {&left, &right})
      for (Sample& sample : *side)
        sample.arguments = "vmas=" + std::to_string(i);
    base = base + left;
    head = head + right;
  }
  const Gate gate = judged(base, head);
  EXPECT_EQ(gate.rows[0].verdict, GateVerdict::inconclusive);
  EXPECT_NEAR(*gate.rows[0].adjusted_p, 10 * gate.rows[0].effect->p, 1e-12);
}

TEST(Gate, ABootWithoutATwinCountsToo)
{
  EXPECT_EQ(verdict("vmas", {10}, {10, 30, 30}), GateVerdict::inconclusive);
  EXPECT_EQ(verdict("vmas", {10}, {10, 10, 10}), GateVerdict::pass);
  EXPECT_EQ(verdict("vmas", {10}, {10, 9, 9}), GateVerdict::pass);
  EXPECT_EQ(verdict("instructions", {1000, 1000, 1000}, {1000, 1000, 1000, 3000}),
            GateVerdict::inconclusive);
  EXPECT_EQ(verdict("slab_bytes", {1000, 1000, 1000}, {1000, 1000, 1000, 3000}),
            GateVerdict::inconclusive);
}

TEST(Gate, FewerBootsThanTheBaseHasAreNoPass)
{
  const Gate gate = judged(boots("vmas", {10, 10, 10}), boots("vmas", {10, 10}));
  EXPECT_EQ(gate.verdict, GateVerdict::inconclusive);
  EXPECT_EQ(gate.notes[0], "head: 2 of the base's 3 boots: measure as many");
}

TEST(Gate, NoisyRowsThatWereLostAreNoPass)
{
  const std::vector<double> even = {100, 100.1, 100.2, 99.9, 99.8};
  const auto other = boots("throughput", even);  // so that each boot has run the case
  auto lost = boots("wall_time", even);
  ASSERT_EQ(judged(boots("wall_time", even) + other, lost + other).verdict, GateVerdict::pass);
  lost.erase(lost.begin() + 1);
  EXPECT_EQ(judged(boots("wall_time", even) + other, lost + other).verdict,
            GateVerdict::inconclusive);
  EXPECT_EQ(judged(lost + other, boots("wall_time", even) + other).verdict,
            GateVerdict::inconclusive);
  // Repetitions of one side, in every boot.
  auto twice = boots("wall_time", even);
  for (Sample sample : boots("wall_time", even)) {
    sample.repetition = 1;
    twice.push_back(sample);
  }
  EXPECT_EQ(judged(twice + other, boots("wall_time", even) + other).verdict,
            GateVerdict::inconclusive);
}

TEST(Gate, AnAllowanceNeedsEveryFunctionOfBothSides)
{
  const auto side = [](double other, bool with_mine) {
    auto all =
        boots("instructions", {200e3 + other, 200e3 + other, 200e3 + other}) +
        boots("instructions_mean", {200e3 + other, 200e3 + other, 200e3 + other}) +
        boots("function_instructions", {100e3 + other, 100e3 + other, 100e3 + other}, "other");
    return with_mine ? all + boots("function_instructions", {100e3, 100e3, 100e3}, "mine") : all;
  };
  const char* const policy = "allow mine * 5%\n";
  EXPECT_EQ(judged(side(0, true), side(8000, true), policy).verdict, GateVerdict::fail);
  const Gate gate = judged(side(0, false), side(8000, true), policy);
  EXPECT_EQ(gate.verdict, GateVerdict::fail);
  EXPECT_NE(gate.rows[0].why.find("functions of boot 1 of the base were lost"), std::string::npos)
      << gate.rows[0].why;
}

std::vector<Sample> without_value(SampleStatus status, const char* reason)
{
  std::vector<Sample> samples = boots("vmas", {1});
  samples[0].value.reset();
  samples[0].status = status;
  samples[0].reason = reason;
  return samples;
}

TEST(Gate, WhatNeitherSideMeasuredIsASkipAndNothingElseIsNoPass)
{
  const auto skipped = without_value(SampleStatus::skip, "no such file");
  const Gate gate = judged(skipped, skipped);
  EXPECT_EQ(gate.verdict, GateVerdict::skip);
  EXPECT_EQ(gate.rows[0].why, "no such file");
}

TEST(Gate, WhatOneSideAloneMeasuredIsInconclusiveUnlessIgnored)
{
  const auto skipped = without_value(SampleStatus::skip, "no such file");
  const Gate gate = judged(boots("vmas", {1}), skipped);
  EXPECT_EQ(gate.verdict, GateVerdict::inconclusive);
  EXPECT_EQ(gate.rows[0].why, "measured on the base alone; head: no such file");
  EXPECT_EQ(gate.notes, std::vector<std::string>{
                            "1 row measured on the base alone: fork_flat vmas=16 kind=x: vmas"});
  EXPECT_EQ(judged(skipped, boots("vmas", {1})).verdict, GateVerdict::inconclusive);
  EXPECT_EQ(judged(boots("vmas", {1}), skipped, "ignore vmas *\n").verdict, GateVerdict::skip);
}

TEST(Gate, AFailureCountsWhateverThePolicyIgnores)
{
  const auto failed = without_value(SampleStatus::fail, "ended with signal 11");
  const Gate gate = judged(boots("vmas", {1}), failed, "ignore * *\n");
  EXPECT_EQ(gate.verdict, GateVerdict::fail);
  EXPECT_TRUE(gate.head_failed);
}

TEST(Gate, AFailureOfTheBaseAloneDoesNotFailTheHead)
{
  const auto failed = without_value(SampleStatus::fail, "VMA without an anon_vma");
  const Gate gate = judged(failed, boots("vmas", {1}));
  EXPECT_EQ(gate.verdict, GateVerdict::inconclusive);
  EXPECT_FALSE(gate.head_failed);
}

TEST(Gate, AFailedRowOfAFunctionIsAFailure)
{
  auto failed = boots("function_instructions", {1}, "dup_mmap");
  failed[0].value.reset();
  failed[0].status = SampleStatus::fail;
  EXPECT_EQ(judged(boots("vmas", {1}), boots("vmas", {1}) + failed).verdict, GateVerdict::fail);
}

TEST(Gate, TheEmptyOperationNeverFailsAKernel)
{
  auto base = boots("slab_vm_area_struct", {-1});
  auto head = boots("slab_vm_area_struct", {0});
  for (auto* side : {&base, &head})
    side->front().workload = "null";
  EXPECT_EQ(judged(base, head).count(GateVerdict::fail), 0u);
}

TEST(Gate, ARuleMakesAnyMetricNoisy)
{
  const Gate gate = judged(boots("instructions", {1, 2, 3}), boots("instructions", {7, 8, 9}),
                           "rule instructions * noisy\n");
  EXPECT_EQ(gate.verdict, GateVerdict::inconclusive);
  EXPECT_EQ(gate.rows[0].why, "3 against 3 boots can reach p = 0.1 at best, the level is 0.05");
}

TEST(Gate, AStateNamesItsOwnCauseAndNoInstructions)
{
  const auto base = boots("live_anon_vma", {196}) + boots("alloc_anon_vma", {10}, "anon_vma_fork") +
                    boots("function_instructions", {50}, "dup_mmap");
  const auto head = boots("live_anon_vma", {258}) + boots("alloc_anon_vma", {72}, "anon_vma_fork") +
                    boots("function_instructions", {90}, "dup_mmap");
  const Gate gate = judged(base, head, "limit live_anon_vma * 0\n");
  ASSERT_EQ(gate.verdict, GateVerdict::fail);
  EXPECT_EQ(gate.rows[0].blamed,
            std::vector<std::string>{"alloc_anon_vma in anon_vma_fork: +62 objects"});
}

TEST(Gate, AnAllowanceCoversItsFunctionsAndNoMore)
{
  auto head = [&](double link, double dup) {
    const double sum = 1000 + link + dup;
    const double l = 100 + link;
    const double d = 50 + dup;
    const double mean = l + d;
    return boots("instructions", {sum, sum, sum}) + boots("instructions_mean", {mean, mean, mean}) +
           boots("function_instructions", {l, l, l}, "vma_link") +
           boots("function_instructions", {d, d, d}, "dup_mmap");
  };
  const auto base = head(0, 0);
  const char* policy = "allow vma_* * 1%\n";
  EXPECT_EQ(judged(base, head(8, 0)).verdict, GateVerdict::fail);
  EXPECT_EQ(judged(base, head(8, 0), policy).verdict, GateVerdict::pass);
  EXPECT_EQ(judged(base, head(8, 0), policy).rows[0].why,
            "worse by 8, of which an allowance covers 8");
  EXPECT_EQ(judged(base, head(12, 0), policy).verdict, GateVerdict::fail);
  EXPECT_EQ(judged(base, head(8, 5), policy).verdict, GateVerdict::fail);
  EXPECT_EQ(judged(base, head(-8, 5), policy).verdict, GateVerdict::pass) << "not worse at all";
  EXPECT_EQ(judged(boots("instructions", {1000, 1000, 1000}),
                   boots("instructions", {1008, 1008, 1008}), policy)
                .verdict,
            GateVerdict::fail)
      << "without functions nothing is allowed";
}

TEST(Gate, AnAllowanceOfAllFunctionsIsOfTheWholeCase)
{
  // By function one boot a side is counted, which is not the difference of the medians.
  const auto base = boots("instructions", {1000, 1000, 1000}) +
                    boots("function_instructions", {100, 100, 100}, "vma_link");
  auto head = [&](double first, double second, double third) {
    return boots("instructions", {first, second, third}) +
           boots("function_instructions", {103, 103, 103}, "vma_link");
  };
  EXPECT_EQ(judged(base, head(1008, 1008, 1008), "allow * * 1%\n").verdict, GateVerdict::pass);
  EXPECT_EQ(judged(base, head(1012, 1012, 1012), "allow * * 1%\n").verdict, GateVerdict::fail);
  EXPECT_EQ(judged(boots("instructions", {1000, 1000, 1000}),
                   boots("instructions", {1008, 1008, 1008}), "allow * * 1%\n")
                .verdict,
            GateVerdict::pass)
      << "functions need not be counted";
}

TEST(Gate, AnAllowanceCoversWhatIsWorseWithRangesThatOverlapToo)
{
  const auto base = boots("instructions", {990, 1000, 1010});
  const auto head = boots("instructions", {1005, 1008, 1012});
  EXPECT_EQ(judged(base, head).verdict, GateVerdict::inconclusive);
  EXPECT_EQ(judged(base, head, "allow * * 1%\n").verdict, GateVerdict::pass);
  EXPECT_EQ(judged(base, head, "allow * * 0.2%\n").verdict, GateVerdict::inconclusive);
}

TEST(Gate, AWorkloadThatFailedFails)
{
  std::vector<Sample> failed = boots("vmas", {1});
  failed[0].value.reset();
  failed[0].status = SampleStatus::fail;
  failed[0].reason = "ended with signal 11";
  EXPECT_EQ(judged(boots("vmas", {1}), failed).verdict, GateVerdict::fail);
}

TEST(Gate, AFailureNamesWhatChangedMostWithinItsCase)
{
  const auto base = boots("instructions", {1000}) +
                    boots("function_instructions", {100}, "anon_vma_clone") +
                    boots("function_instructions", {50}, "dup_mmap");
  const auto head = boots("instructions", {1100}) +
                    boots("function_instructions", {190}, "anon_vma_clone") +
                    boots("function_instructions", {60}, "dup_mmap");
  const Gate gate = judged(base, head);
  ASSERT_EQ(gate.rows.size(), 1u);  // parts are no rows of their own
  ASSERT_EQ(gate.rows[0].blamed.size(), 2u);
  EXPECT_EQ(gate.rows[0].blamed[0], "anon_vma_clone: +90 instructions/op");
}

// Each of these was a PASS.

std::vector<Sample> skipped_in(std::vector<Sample> samples, std::initializer_list<int> boots_hit)
{
  for (Sample& sample : samples)
    if (std::find(boots_hit.begin(), boots_hit.end(), sample.boot) != boots_hit.end()) {
      sample.value.reset();
      sample.status = SampleStatus::skip;
      sample.reason = "the guest idled";
    }
  return samples;
}

TEST(Gate, AReplayThatDivergedOnBothSidesIsInconclusive)
{
  const auto side = [](double instructions, std::vector<double> diverged) {
    return boots("instructions", {instructions, instructions, instructions}) +
           boots("replay_diverged", diverged);
  };
  const Gate both = judged(side(1000, {3, 3, 3}), side(9000, {3, 3, 3}));
  EXPECT_EQ(both.verdict, GateVerdict::inconclusive);
  EXPECT_NE(both.rows[0].why.find("base: 3 calls of the replay"), std::string::npos);
  EXPECT_NE(both.rows[0].why.find("; head: 3 calls of the replay"), std::string::npos);
  // Once is enough.
  EXPECT_EQ(judged(side(1000, {0, 0, 0}), side(1000, {0, 0, 3})).verdict, GateVerdict::fail);
}

TEST(Gate, ABootWithoutAValueIsInconclusiveWhereverItIs)
{
  const auto whole = boots("instructions", {1000, 1000, 1000});
  const auto holed = skipped_in(whole, {2, 3});
  for (const auto& [base, head] : {std::pair{holed, holed}, {whole, holed}, {holed, whole}}) {
    const Gate gate = judged(base, head);
    EXPECT_EQ(gate.verdict, GateVerdict::inconclusive);
    EXPECT_NE(gate.rows[0].why.find("boot 2 has no value on the"), std::string::npos);
  }
  const auto times = boots("wall_time", {100, 101, 102, 103, 104, 105, 106, 107});
  EXPECT_EQ(judged(times, skipped_in(times, {7, 8})).rows[0].why,
            "boot 7 has no value on the head: the guest idled");
}

TEST(Gate, LostRepetitionsAreInconclusive)
{
  auto base = boots("wall_time", {100, 101, 102, 103, 104});
  auto again = base;
  for (Sample& sample : again)
    sample.repetition = 1;
  base = base + again;
  auto head = base;
  head.pop_back();
  EXPECT_EQ(judged(base, base).verdict, GateVerdict::pass);
  EXPECT_EQ(judged(base, head).rows[0].why, "boot 5 has 1 of 2 repetitions on the head");
}

TEST(Gate, ARepetitionThatOneSideAddsDoesNotHalveAChange)
{
  auto more = boots("instructions", {1});
  more[0].repetition = 1;
  EXPECT_EQ(judged(boots("instructions", {1000}), boots("instructions", {1300}) + more).verdict,
            GateVerdict::inconclusive);
}

TEST(Gate, OneBootThatIsWorseIsNoPassWhateverTheMedians)
{
  EXPECT_EQ(verdict("live_anon_vma", {21, 21, 21}, {21, 21, 71}), GateVerdict::inconclusive);
  EXPECT_EQ(verdict("live_anon_vma", {21, 21, 71}, {21, 21, 71}), GateVerdict::pass);
  EXPECT_EQ(verdict("instructions", {1000, 1000, 1000}, {1000, 1000, 1500}),
            GateVerdict::inconclusive);
  EXPECT_EQ(verdict("instructions", {1000, 1000, 1000}, {1000, 1000, 1005}), GateVerdict::pass);
}

TEST(Gate, BootsOfOneReplicaCountOnceInTheExactLab)
{
  const auto side = [](double value, std::vector<int> replicas) {
    rmaplab::Run run{.manifest = {{"mode", "exact"}},
                     .samples = boots("instructions", std::vector<double>(replicas.size(), value))};
    for (std::size_t i = 0; i < replicas.size(); ++i)
      run.samples[i].replica = replicas[i];
    return run;
  };
  const auto verdict_of = [](const rmaplab::Run& base, const rmaplab::Run& head) {
    return judge(compare_runs(base, head), Policy());
  };
  EXPECT_EQ(verdict_of(side(1000, {1, 2, 3}), side(1008, {1, 2, 3})).verdict, GateVerdict::fail);
  const Gate copies = verdict_of(side(1000, {1, 1, 1}), side(1008, {1, 1, 1}));
  EXPECT_EQ(copies.verdict, GateVerdict::inconclusive);
  ASSERT_FALSE(copies.notes.empty());
  EXPECT_EQ(copies.notes[0], "base: 3 boots are of 1 replica: equal starts count once");
  EXPECT_EQ(verdict_of(side(1000, {1, 2, 3}), side(1000, {4, 5, 6})).verdict,
            GateVerdict::inconclusive);
}

TEST(Gate, WhatTheRunsDifferInIsTold)
{
  const rmaplab::Run base{.manifest = {{"mode", "smp"}, {"machine.cpus", "1"}},
                          .samples = boots("vmas", {10, 10})};
  const rmaplab::Run head{.manifest = {{"mode", "smp"}, {"machine.cpus", "2"}},
                          .samples = boots("vmas", {10})};
  EXPECT_EQ(judge(compare_runs(base, head), Policy()).notes,
            (std::vector<std::string>{"head: 1 of the base's 2 boots: measure as many",
                                      "runs differ in machine.cpus: 1 -> 2"}));
}

TEST(Gate, AnAbsoluteLimitHoldsFromABaseOfZeroToo)
{
  const std::vector<double> none(8, 0);
  const std::vector<double> many = {5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007};
  EXPECT_EQ(verdict("anon_vma_waits", none, many, "limit anon_vma_waits * 100\n"),
            GateVerdict::fail);
  EXPECT_EQ(verdict("anon_vma_waits", none, many, "limit anon_vma_waits * 1000000\n"),
            GateVerdict::pass);
  EXPECT_EQ(verdict("anon_vma_waits", none, none, "limit anon_vma_waits * 100\n"),
            GateVerdict::pass);
}

TEST(Gate, AFunctionIsForgivenOnce)
{
  const auto base = boots("instructions", {1000, 1000, 1000}) +
                    boots("function_instructions", {100, 100, 100}, "unlink_anon_vmas");
  const auto head = boots("instructions", {1060, 1060, 1060}) +
                    boots("function_instructions", {130, 130, 130}, "unlink_anon_vmas");
  EXPECT_EQ(judged(base, head, "allow unlink_anon_vmas * 3%\n").verdict, GateVerdict::fail);
  EXPECT_EQ(judged(base, head, "allow unlink_anon_vmas * 3%\nallow unlink_* * 3%\n").verdict,
            GateVerdict::fail);
}

TEST(Gate, EachWordOfAPolicyThatHasNoEffectIsTold)
{
  EXPECT_EQ(judged(boots("vmas", {10}), boots("vmas", {10}),
                   "limit vmas fork_flat,fork_falt 1\nlimit walk_sleeps fork_flat 0\n")
                .notes,
            (std::vector<std::string>{"p:1: no case of these runs is fork_falt",
                                      "p:2: fork_flat has no row of walk_sleeps in these runs"}));
  const auto side = boots("instructions", {1000}) + boots("function_instructions", {9}, "a");
  EXPECT_EQ(judged(side, side, "allow a,b * 1%\n").notes,
            std::vector<std::string>{"p:1: no function of these runs is b"});
}

TEST(GateKtap, AVerdictIsOneResultWithItsValuesBefore)
{
  EXPECT_EQ(gate_ktap(judged(boots("vmas", {10}), boots("vmas", {11}))),
            "KTAP version 1\n1..1\n"
            "# metric=vmas unit=VMAs base=10 head=11 change=+10.000% limit=0%\n"
            "# worse by more than 0 %\n"
            "not ok 1 fork_flat vmas=16 kind=x: vmas\n"
            "# FAIL: 0 pass, 1 fail, 0 inconclusive, 0 skip\n");
}

TEST(GateKtap, InconclusiveIsASkipAndNeverABarePass)
{
  const std::string text =
      gate_ktap(judged(boots("wall_time", {1, 2, 3}), boots("wall_time", {1, 2, 3})));
  EXPECT_NE(text.find("ok 1 fork_flat vmas=16 kind=x: wall_time # SKIP inconclusive: 3 against 3"),
            std::string::npos)
      << text;
}

TEST(GateJunit, FailuresAndSkipsAreCountedAndTextIsEscaped)
{
  auto failed = boots("vmas", {1});
  failed[0].value.reset();
  failed[0].status = SampleStatus::fail;
  failed[0].reason = "a < b & \"c\"";
  EXPECT_EQ(gate_junit(judged(boots("vmas", {1}), failed)),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites name=\"rmaplab gate\" tests=\"1\" failures=\"1\" skipped=\"0\">\n"
            "  <testsuite name=\"notes\" tests=\"0\" failures=\"0\" skipped=\"0\">\n"
            "    <system-out>1 row failed: fork_flat vmas=16 kind=x: vmas</system-out>\n"
            "  </testsuite>\n"
            "  <testsuite name=\"fork_flat\" tests=\"1\" failures=\"1\" skipped=\"0\">\n"
            "    <testcase classname=\"fork_flat\" name=\"fork_flat vmas=16 kind=x: vmas\">\n"
            "      <properties>\n"
            "        <property name=\"metric\" value=\"vmas\"/>\n"
            "        <property name=\"unit\" value=\"VMAs\"/>\n"
            "        <property name=\"base\" value=\"1\"/>\n"
            "        <property name=\"limit\" value=\"0%\"/>\n"
            "      </properties>\n"
            "      <failure message=\"the workload failed on the head: a &lt; b &amp; "
            "&quot;c&quot;\"></failure>\n"
            "    </testcase>\n"
            "  </testsuite>\n"
            "</testsuites>\n");
}

}  // namespace
}  // namespace rmaplab
