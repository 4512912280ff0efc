// SPDX-License-Identifier: GPL-2.0-only
// "R:" marks figures of reference.R.
#include "stats/shift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "stats/boots.h"
#include "stats/rank_test.h"
#include "tests/stats/simulated.h"

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

// Hollander & Wolfe (1973), pages 69 f.; theirs is term less weeks.
const Values kTerm = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
const Values kWeeks = {1.15, 0.88, 0.90, 0.74, 1.21};
const Values kBase = {100, 104, 98, 101, 99, 103};
const Values kHead = {95, 97, 94, 96.5, 92, 93};

TEST(ShiftOf, PermeabilityOfHollanderAndWolfe)
{
  // R: wilcox.test(weeks, term, conf.int = TRUE)
  const auto shift = shift_of(kTerm, kWeeks, 0.95);
  ASSERT_TRUE(shift);
  EXPECT_NEAR(shift->estimate, -0.305, 1e-12);
  EXPECT_NEAR(shift->interval.low, -0.76, 1e-12);
  EXPECT_NEAR(shift->interval.high, 0.15, 1e-12);
  EXPECT_NEAR(shift->confidence, 0.96003996004, 1e-11);
}

TEST(ShiftOf, LessConfidenceIsANarrowerInterval)
{
  const auto shift = shift_of(kTerm, kWeeks, 0.9);  // R: conf.level = 0.9
  ASSERT_TRUE(shift);
  EXPECT_NEAR(shift->interval.low, -0.72, 1e-12);
  EXPECT_NEAR(shift->interval.high, 0.08, 1e-12);
  EXPECT_NEAR(shift->confidence, 0.900765900766, 1e-11);
}

TEST(ShiftOf, ManyValuesHaveTheNormalInterval)
{
  Values base, head;
  for (int i = 1; i <= 60; ++i) {
    base.push_back(37 * i % 101);
    head.push_back(53 * i % 103 + 8.5);
  }
  // R: the 1427th of the sorted differences from each end. wilcox.test(conf.int = TRUE)
  // inverts the test by root finding and has -4.5000 and 17.4999.
  const auto shift = shift_of(base, head, 0.95);
  ASSERT_TRUE(shift);
  EXPECT_EQ(shift->estimate, 6.5);
  EXPECT_EQ(shift->interval, (Interval{.low = -4.5, .high = 17.5}));
  EXPECT_GE(shift->confidence, 0.95);
  EXPECT_LT(shift->confidence, 0.951);
}

TEST(ShiftOf, ThreeBootsReachNinetyPercentAndSaySo)
{
  const auto asked = shift_of(Values{1, 2, 3}, Values{11, 12, 13}, 0.9);
  ASSERT_TRUE(asked);
  EXPECT_NEAR(asked->confidence, 0.9, 1e-12);
  const auto too_much = shift_of(Values{1, 2, 3}, Values{11, 12, 13}, 0.95);
  ASSERT_TRUE(too_much);
  EXPECT_NEAR(too_much->confidence, 0.9, 1e-12);
  EXPECT_EQ(too_much->interval, (Interval{.low = 8, .high = 12}));
}

TEST(ShiftOf, ConfidenceThatIsReachedExactlyIsReached)
{
  // 1 - 0.8 is a little less than the 0.2 of the second differences from the ends.
  const auto shift = shift_of(Values{1, 2, 3}, Values{11, 12, 13}, 0.8);
  ASSERT_TRUE(shift);
  EXPECT_EQ(shift->interval, (Interval{.low = 9, .high = 11}));
  EXPECT_NEAR(shift->confidence, 0.8, 1e-12);
}

TEST(ShiftOf, OneValueASideHasAnEstimateWithoutConfidence)
{
  const auto shift = shift_of(Values{10}, Values{13}, 0.95);
  ASSERT_TRUE(shift);
  EXPECT_EQ(shift->estimate, 3);
  EXPECT_EQ(shift->interval, (Interval{.low = 3, .high = 3}));
  EXPECT_EQ(shift->confidence, 0);
}

TEST(ShiftOf, AllValuesEqualHaveNoShift)
{
  const auto shift = shift_of(Values(5, 7), Values(5, 7), 0.95);
  ASSERT_TRUE(shift);
  EXPECT_EQ(shift->estimate, 0);
  EXPECT_EQ(shift->interval, (Interval{.low = 0, .high = 0}));
}

TEST(ShiftOf, OneWildBootMovesItLittle)
{
  const auto calm = shift_of(kBase, kHead, 0.95);
  const auto wild = shift_of(kBase, Values{95, 97, 94, 96.5, 92, 9300}, 0.95);
  ASSERT_TRUE(calm && wild);
  EXPECT_NEAR(calm->estimate, wild->estimate, 1.5);
}

TEST(ShiftOf, TakesZerosAndNegativeValues)
{
  const auto shift = shift_of(Values{0, -1, 1}, Values{-4, -5, -6}, 0.9);
  ASSERT_TRUE(shift);
  EXPECT_EQ(shift->estimate, -5);
}

TEST(ShiftOf, LittleConfidenceStillHasItsEndsInOrder)
{
  for (const std::size_t n : {1, 2, 3, 4, 7}) {
    const auto shift =
        shift_of(Values(kTerm.begin(), kTerm.begin() + std::ptrdiff_t(n)), kWeeks, 1e-6);
    ASSERT_TRUE(shift);
    EXPECT_LE(shift->interval.low, shift->estimate);
    EXPECT_LE(shift->estimate, shift->interval.high);
  }
}

TEST(ShiftOf, WithoutValuesOrAPossibleConfidenceThereIsNone)
{
  EXPECT_FALSE(shift_of({}, kHead, 0.95));
  EXPECT_FALSE(shift_of(kBase, {}, 0.95));
  EXPECT_FALSE(shift_of(Values{NAN}, kHead, 0.95));
  EXPECT_FALSE(shift_of(kBase, kHead, 1));
  EXPECT_FALSE(shift_of(kBase, kHead, 0));
  EXPECT_FALSE(shift_of(kBase, kHead, NAN));
}

TEST(RatioOf, IsTheShiftOfTheLogarithms)
{
  // R: exp() of wilcox.test(log(head), log(base), conf.int = TRUE)
  const auto ratio = ratio_of(kBase, kHead, 0.95);
  ASSERT_TRUE(ratio);
  EXPECT_NEAR(ratio->estimate, 0.939084673891, 1e-11);
  EXPECT_NEAR(ratio->interval.low, 0.910891089109, 1e-11);
  EXPECT_NEAR(ratio->interval.high, 0.969387755102, 1e-11);
  EXPECT_NEAR(ratio->confidence, 0.958874458874, 1e-11);
}

TEST(RatioOf, SidesSwappedHaveTheInverse)
{
  const auto there = ratio_of(kBase, kHead, 0.95);
  const auto back = ratio_of(kHead, kBase, 0.95);
  ASSERT_TRUE(there && back);
  EXPECT_NEAR(there->estimate * back->estimate, 1, 1e-12);
  EXPECT_NEAR(there->interval.low * back->interval.high, 1, 1e-12);
}

TEST(RatioOf, DoesNotDependOnTheUnit)
{
  Values base = kBase, head = kHead;
  for (double& value : base)
    value *= 1e6;
  for (double& value : head)
    value *= 1e6;
  EXPECT_NEAR(ratio_of(base, head, 0.95)->estimate, ratio_of(kBase, kHead, 0.95)->estimate, 1e-12);
}

TEST(RatioOf, FromOrToWhatIsNotPositiveThereIsNone)
{
  EXPECT_FALSE(ratio_of(Values{0, 1, 2}, kHead, 0.95));
  EXPECT_FALSE(ratio_of(kBase, Values{1, -1}, 0.95));
  EXPECT_FALSE(ratio_of({}, {}, 0.95));
}

TEST(RatioEstimate, IsTheEstimateOfRatioOf)
{
  EXPECT_EQ(ratio_estimate(kBase, kHead), ratio_of(kBase, kHead, 0.95)->estimate);
  EXPECT_FALSE(ratio_estimate({}, kHead));
  EXPECT_FALSE(ratio_estimate(kBase, Values{0}));
}

// The interval and the test are one: of random samples, whenever one says so does the other.
TEST(RatioOf, IntervalExcludesOneWhenTheTestRejects)
{
  std::mt19937_64 random(1);
  int rejected = 0;
  for (int i = 0; i < 200; ++i) {
    const Values base = boot_medians(simulated_boots({}, 7, 1, random));
    const Values head = boot_medians(simulated_boots({.ratio = 1.02}, 6, 1, random));
    const Interval interval = ratio_of(base, head, 0.95)->interval;
    const bool rejects = rank_test(base, head)->p <= 0.05;
    EXPECT_EQ(rejects, interval.low > 1 || interval.high < 1) << i;
    rejected += rejects;
  }
  EXPECT_GT(rejected, 20);
  EXPECT_LT(rejected, 180);
}

// Of 500 comparisons with a known ratio; five boots reach 96.8 %. Four standard deviations.
TEST(RatioOf, IntervalHoldsTheTruthAsOftenAsItSays)
{
  std::mt19937_64 random(1);
  int held = 0;
  for (int i = 0; i < 500; ++i) {
    const Values base = boot_medians(simulated_boots({}, 5, 1, random));
    const Values head = boot_medians(simulated_boots({.ratio = 0.9}, 5, 1, random));
    const Interval interval = ratio_of(base, head, 0.95)->interval;
    held += interval.low <= 0.9 && 0.9 <= interval.high;
  }
  EXPECT_GT(held, 468);
  EXPECT_LT(held, 500);
}

}  // namespace
}  // namespace rmaplab
