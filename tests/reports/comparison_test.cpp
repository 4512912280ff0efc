// SPDX-License-Identifier: GPL-2.0-only
#include "reports/comparison.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <limits>

namespace rmaplab
{
namespace
{

Sample value(const std::string& metric, double number, int boot = 1, const char* workload = "w")
{
  return {.boot = boot, .replica = boot, .workload = workload, .metric = metric, .value = number};
}

Sample no_value(const std::string& metric, SampleStatus status, const char* reason)
{
  return {.boot = 1, .workload = "w", .metric = metric, .status = status, .reason = reason};
}

Comparison compare(const std::vector<Sample>& base, const std::vector<Sample>& head)
{
  return compare_runs({.samples = base}, {.samples = head});
}

ComparisonRow only_row(const std::vector<Sample>& base, const std::vector<Sample>& head)
{
  const Comparison comparison = compare(base, head);
  EXPECT_EQ(comparison.rows.size(), 1u);
  return comparison.rows.at(0);
}

// Of boots 1, 2, ... with one value each.
Verdict verdict(const std::string& metric, const std::vector<double>& base,
                const std::vector<double>& head)
{
  auto samples = [&](const std::vector<double>& numbers) {
    std::vector<Sample> all;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      all.push_back(value(metric, numbers[i], static_cast<int>(i) + 1));
    return all;
  };
  return only_row(samples(base), samples(head)).verdict;
}

TEST(Verdict, ExactMetricIsIdenticalWhenEqual)
{
  EXPECT_EQ(verdict("vmas", {10}, {10}), Verdict::identical);
}

TEST(Verdict, ExactMetricChangesByOne)
{
  EXPECT_EQ(verdict("vmas", {100'000}, {99'999}), Verdict::better);
  EXPECT_EQ(verdict("vmas", {100'000}, {100'001}), Verdict::worse);
}

TEST(Verdict, NeutralMetricIsNeitherBetterNorWorse)
{
  EXPECT_EQ(verdict("process_vmas", {10}, {11}), Verdict::changed);
  EXPECT_EQ(verdict("process_vmas", {10}, {9}), Verdict::changed);
}

TEST(Verdict, DeterministicMetricIsBetterWhenLowerInEveryBoot)
{
  EXPECT_EQ(verdict("instructions", {1000, 1010}, {900, 910}), Verdict::better);
}

TEST(Verdict, DeterministicMetricIsWorseWhenHigherInEveryBoot)
{
  EXPECT_EQ(verdict("instructions", {1000, 1010}, {1100, 1110}), Verdict::worse);
}

TEST(Verdict, DeterministicMetricIsUndecidedWhereRangesOverlap)
{
  EXPECT_EQ(verdict("instructions", {1000, 1050, 1100}, {1050, 1100, 1200}), Verdict::undecided);
}

TEST(Verdict, DeterministicMetricIsUnchangedBelowItsFloor)
{
  ASSERT_EQ(find_metric("instructions")->floor, 0.001);
  EXPECT_EQ(verdict("instructions", {10'000, 10'000, 10'000}, {10'009, 10'009, 10'009}),
            Verdict::unchanged);
  EXPECT_EQ(verdict("instructions", {10'000, 10'000, 10'000}, {10'011, 10'011, 10'011}),
            Verdict::worse);
}

TEST(Verdict, FewBootsDecideNothingWithinWhatPlacementMakes)
{
  ASSERT_EQ(find_metric("instructions")->placement, 0.012);
  EXPECT_EQ(verdict("instructions", {10'000}, {10'110}), Verdict::undecided);
  EXPECT_EQ(verdict("instructions", {10'000, 10'000}, {10'001, 10'001}), Verdict::undecided);
  EXPECT_EQ(verdict("instructions", {10'000}, {10'130}), Verdict::worse);
  EXPECT_EQ(verdict("instructions", {10'000}, {10'000}), Verdict::identical);
}

Sample diverged(double calls, const char* site = "")
{
  Sample sample = value("replay_diverged", calls);
  sample.site = site;
  return sample;
}

TEST(Divergence, TakesTheFiguresOfItsCaseAwayAndNamesTheFirstCall)
{
  const Comparison comparison =
      compare({value("vmas", 10), diverged(3), diverged(1, "first: row 7, mremap: EFAULT")},
              {value("vmas", 40), diverged(0)});
  ASSERT_EQ(comparison.rows.size(), 3u);
  EXPECT_EQ(comparison.rows[0].verdict, Verdict::skipped);
  EXPECT_EQ(comparison.rows[0].base.reason,
            "base: 3 calls of the replay did not return what was recorded, first: row 7, mremap: "
            "EFAULT");
  EXPECT_EQ(comparison.rows[1].verdict, Verdict::better);
}

TEST(Divergence, OfOneCaseIsNotThatOfAnother)
{
  Sample other = diverged(3);
  other.workload = "v";
  EXPECT_EQ(compare({value("vmas", 10), other}, {value("vmas", 10), other}).rows[0].verdict,
            Verdict::identical);
}

TEST(FailedCase, HasNoFiguresToCompareOnItsSide)
{
  Sample failed = no_value("vmas", SampleStatus::fail, "VMA without an anon_vma");
  const Comparison comparison = compare({value("instructions", 900), failed},
                                        {value("instructions", 1000), value("vmas", 1)});
  ASSERT_EQ(comparison.rows.size(), 2u);
  EXPECT_EQ(comparison.rows[0].verdict, Verdict::skipped);
  EXPECT_EQ(comparison.rows[0].base.reason, "its case failed");
  EXPECT_EQ(comparison.rows[1].verdict, Verdict::failed);
  EXPECT_EQ(shortcomings(comparison), std::vector<std::string>{"1 row failed: w: vmas"});
}

TEST(Shortcomings, TellWhatOneSideAloneHasByCountAndName)
{
  Comparison comparison =
      compare({value("vmas", 10), value("process_vmas", 3)}, {value("vmas", 10)});
  comparison.head_gaps = {{.failed = true, .text = "a boot failed: it hung"}};
  comparison.base_checked = false;
  EXPECT_EQ(
      shortcomings(comparison),
      (std::vector<std::string>{
          "base: stored without a row count and checksum, not checked for damage",
          "head: a boot failed: it hung", "1 row measured on the base alone: w: process_vmas"}));
}

TEST(Verdict, DeterministicMetricIsIdenticalWhenEveryBootIs)
{
  EXPECT_EQ(verdict("instructions", {1000, 1010}, {1000, 1010}), Verdict::identical);
}

TEST(Verdict, DeterministicMetricWithBootsSwappedIsNotIdentical)
{
  EXPECT_EQ(verdict("instructions", {1000, 1010}, {1010, 1000}), Verdict::unchanged);
}

TEST(Verdict, NoisyMetricIsUndecidedHoweverFarApart)
{
  EXPECT_EQ(verdict("wall_time", {1000, 1000}, {10, 10}), Verdict::undecided);
}

TEST(Verdict, SkipOnTheBaseHasItsReasonThere)
{
  const auto row =
      only_row({no_value("vmas", SampleStatus::skip, "no permission")}, {value("vmas", 1)});
  EXPECT_EQ(row.verdict, Verdict::skipped);
  EXPECT_EQ(row.base.reason, "no permission");
  EXPECT_EQ(row.head.reason, "");
}

TEST(Verdict, SkipOnTheHeadHasItsReasonThere)
{
  const auto row =
      only_row({value("vmas", 1)}, {no_value("vmas", SampleStatus::skip, "no permission")});
  EXPECT_EQ(row.verdict, Verdict::skipped);
  EXPECT_EQ(row.base.reason, "");
  EXPECT_EQ(row.head.reason, "no permission");
}

TEST(Verdict, FirstOfSeveralReasonsIsTheSides)
{
  const auto row = only_row({no_value("vmas", SampleStatus::skip, "first"),
                             no_value("vmas", SampleStatus::skip, "second")},
                            {value("vmas", 1)});
  EXPECT_EQ(row.base.reason, "first");
}

TEST(Verdict, CaseThatOneRunLacksIsSkipped)
{
  const auto row = only_row({value("vmas", 1)}, {});
  EXPECT_EQ(row.verdict, Verdict::skipped);
  EXPECT_EQ(row.head.reason, "not in this run");
}

TEST(Verdict, FailureWinsOverASkip)
{
  EXPECT_EQ(only_row({no_value("vmas", SampleStatus::skip, "no permission")},
                     {no_value("vmas", SampleStatus::fail, "signal 11")})
                .verdict,
            Verdict::failed);
}

TEST(Verdict, FailureOfOneBootWinsOverTheOthersValues)
{
  const auto row = only_row(
      {value("vmas", 1, 2), no_value("vmas", SampleStatus::fail, "signal 11")}, {value("vmas", 1)});
  EXPECT_EQ(row.verdict, Verdict::failed);
  EXPECT_EQ(row.base.reason, "signal 11");
}

TEST(Comparison, RowsAreInTheOrderOfTheBaseThenThoseOnlyTheHeadHas)
{
  const auto comparison = compare(
      {value("vmas", 1, 1, "zebra"), value("vmas", 1, 1, "ant"), value("vmas", 1, 2, "zebra")},
      {value("vmas", 1, 1, "new"), value("vmas", 1, 1, "ant"), value("vmas", 1, 1, "zebra")});
  ASSERT_EQ(comparison.rows.size(), 3u);
  EXPECT_EQ(comparison.rows[0].workload, "zebra");
  EXPECT_EQ(comparison.rows[1].workload, "ant");
  EXPECT_EQ(comparison.rows[2].workload, "new");
}

TEST(Comparison, ArgumentsAndMetricsAreRowsOfTheirOwn)
{
  Sample four = value("vmas", 1);
  four.arguments = "vmas=4";
  const auto comparison = compare({value("vmas", 1), four, value("process_vmas", 1)}, {});
  EXPECT_EQ(comparison.rows.size(), 3u);
}

TEST(Comparison, ValueOfABootIsTheMedianOfItsRepetitions)
{
  const auto row = only_row({value("instructions", 10), value("instructions", 900),
                             value("instructions", 20), value("instructions", 40, 2)},
                            {value("instructions", 1)});
  EXPECT_EQ(row.base.boots, (std::map<int, double>{{1, 20}, {2, 40}}));
}

TEST(Comparison, SpreadIsOverTheBoots)
{
  const auto row = only_row(
      {value("instructions", 10), value("instructions", 20, 2), value("instructions", 60, 3)},
      {value("instructions", 1)});
  ASSERT_TRUE(row.base.spread);
  EXPECT_EQ(row.base.spread->median, 20);
  EXPECT_EQ(row.base.spread->min, 10);
  EXPECT_EQ(row.base.spread->max, 60);
}

TEST(Comparison, ChangeIsOfTheMediansRelativeToTheBase)
{
  const auto row = only_row({value("vmas", 200)}, {value("vmas", 150)});
  ASSERT_TRUE(row.change);
  EXPECT_DOUBLE_EQ(*row.change, -0.25);
}

TEST(Comparison, ChangeFromNothingIsNotANumber)
{
  const auto row = only_row({value("vmas", 0)}, {value("vmas", 150)});
  EXPECT_EQ(row.verdict, Verdict::worse);
  EXPECT_FALSE(row.change);
  EXPECT_FALSE(row.change_by_boot);
}

TEST(Comparison, ChangeByBootPairsBootsOfEqualNumber)
{
  // Medians fall by half; each boot against its own falls by 10 % and by 20 %.
  const auto row = only_row({value("instructions", 100, 1), value("instructions", 1000, 2)},
                            {value("instructions", 800, 2), value("instructions", 90, 1)});
  ASSERT_TRUE(row.change_by_boot);
  EXPECT_NEAR(row.change_by_boot->min, -0.2, 1e-9);
  EXPECT_NEAR(row.change_by_boot->max, -0.1, 1e-9);
}

TEST(Comparison, BootsThatOneSideLacksAreNotPaired)
{
  const auto row = only_row({value("instructions", 100, 1), value("instructions", 1000, 2)},
                            {value("instructions", 90, 1)});
  ASSERT_TRUE(row.change_by_boot);
  EXPECT_NEAR(row.change_by_boot->max, -0.1, 1e-9);
}

TEST(Comparison, BootsOfDifferentNumbersAreNotPaired)
{
  const auto row = only_row({value("instructions", 100, 1), value("instructions", 1000, 3)},
                            {value("instructions", 90, 1), value("instructions", 10, 2)});
  ASSERT_TRUE(row.change_by_boot);
  EXPECT_NEAR(row.change_by_boot->min, -0.1, 1e-9);
  EXPECT_NEAR(row.change_by_boot->max, -0.1, 1e-9);
}

TEST(Comparison, RunsOfDifferentModesAreIncomparable)
{
  const auto comparison =
      compare_runs({.manifest = {{"mode", "exact"}}}, {.manifest = {{"mode", "smp"}}});
  ASSERT_EQ(comparison.incomparable.size(), 1u);
  EXPECT_EQ(comparison.incomparable[0].key, "mode");
}

TEST(Comparison, ConfigsAreOnlyComparedWhenBothAreKnown)
{
  EXPECT_FALSE(compare_runs({.config = "CONFIG_HZ=250\n"}, {}).config_differences);
  EXPECT_TRUE(compare_runs({.config = "CONFIG_HZ=250\n"}, {.config = "CONFIG_HZ=250\n"})
                  .config_differences);
}

using Lines = std::vector<std::string>;

TEST(CompareConfigs, EqualOptionsInAnotherOrderAreNoDifference)
{
  EXPECT_EQ(compare_configs("CONFIG_SMP=y\nCONFIG_HZ=250\n", "CONFIG_HZ=250\nCONFIG_SMP=y\n"),
            Lines{});
}

TEST(CompareConfigs, DifferencesAreSortedByName)
{
  EXPECT_EQ(compare_configs("CONFIG_SMP=y\nCONFIG_HZ=250\n", "CONFIG_SMP=m\nCONFIG_HZ=1000\n"),
            (Lines{"HZ: 250 -> 1000", "SMP: y -> m"}));
}

TEST(CompareConfigs, CompilerLinesAreLeftOut)
{
  EXPECT_EQ(compare_configs("CONFIG_CC_VERSION_TEXT=\"gcc 12\"\nCONFIG_GCC_VERSION=120200\n"
                            "CONFIG_LD_VERSION=24000\nCONFIG_PAHOLE_VERSION=125\n",
                            "CONFIG_CC_VERSION_TEXT=\"gcc 14\"\nCONFIG_GCC_VERSION=140200\n"
                            "CONFIG_LD_VERSION=24400\nCONFIG_PAHOLE_VERSION=130\n"),
            Lines{});
}

// Hidden by the glob CC_*.
TEST(CompareConfigs, OptimisationForSizeIsADifference)
{
  EXPECT_EQ(compare_configs("CONFIG_CC_OPTIMIZE_FOR_SIZE=y\n", ""),
            Lines{"CC_OPTIMIZE_FOR_SIZE: y -> absent"});
}

TEST(CompareConfigs, UnsetAndAbsentAreAlike)
{
  EXPECT_EQ(compare_configs("# CONFIG_KSM is not set\n", ""), Lines{});
  EXPECT_EQ(compare_configs("", "# CONFIG_KSM is not set\n"), Lines{});
}

TEST(CompareConfigs, UnsetAgainstSetIsADifference)
{
  EXPECT_EQ(compare_configs("# CONFIG_KSM is not set\n", "CONFIG_KSM=y\n"), Lines{"KSM: n -> y"});
}

TEST(CompareConfigs, OptionThatOnlyOneKernelHasIsADifference)
{
  EXPECT_EQ(compare_configs("", "CONFIG_KSM=y\n"), Lines{"KSM: absent -> y"});
  EXPECT_EQ(compare_configs("CONFIG_KSM=y\n", ""), Lines{"KSM: y -> absent"});
}

TEST(CompareConfigs, OtherCommentsAreNoOptions)
{
  EXPECT_EQ(compare_configs("#\n# Linux/x86 6.12 Kernel Configuration\n#\n", ""), Lines{});
}

TEST(Comparison, AConfigurationThatCameOutOtherwiseIsToldOfItsSide)
{
  const rmaplab::Run plain{.samples = {value("vmas", 1)}};
  const rmaplab::Run whole{
      .manifest = {{"kernel.config_otherwise", "distro.config: 2 options ..."}},
      .samples = {value("vmas", 1)}};
  EXPECT_EQ(shortcomings(compare_runs(plain, whole)),
            std::vector<std::string>{"head: its configuration is distro.config: 2 options ..."});
}

// Seconds of CPU that the comparison of so many cases takes, the least of three.
double cpu_of_cases(int cases)
{
  std::vector<Sample> samples;
  for (int i = 0; i < cases; ++i) {
    Sample one = value("vmas", i);
    one.arguments = fmt::format("vmas={}", i);
    samples.push_back(one);
  }
  const Run run{.samples = samples};
  std::clock_t least = std::numeric_limits<std::clock_t>::max();
  for (int i = 0; i < 3; ++i) {
    const std::clock_t began = std::clock();
    EXPECT_EQ(compare_runs(run, run).rows.size(), static_cast<std::size_t>(cases));
    least = std::min(least, std::clock() - began);
  }
  return static_cast<double>(least);
}

// Eight times the cases are some eight times the work; a look at all cases for each makes it 64.
TEST(Comparison, WorkGrowsAsTheCasesDo)
{
  EXPECT_LT(cpu_of_cases(16'000) / cpu_of_cases(2'000), 24);
}

}  // namespace
}  // namespace rmaplab
