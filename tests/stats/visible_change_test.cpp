// SPDX-License-Identifier: GPL-2.0-only
// "R:" marks figures of reference.R.
#include "stats/visible_change.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <random>
#include <vector>

#include "stats/noisy.h"
#include "stats/spread.h"
#include "tests/stats/simulated.h"

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

// Two values whose logarithms have this standard deviation.
Values scattered(double deviation)
{
  return {std::exp(-deviation / std::numbers::sqrt2), std::exp(deviation / std::numbers::sqrt2)};
}

Values moved(const Values& values, double by)
{
  Values result = values;
  for (double& value : result)
    value += by;
  return result;
}

TEST(SmallestVisibleDeterministic, IsWhereTheRuleStartsToCall)
{
  const Values values = {1000, 1003, 1001, 1000};
  const auto visible = smallest_visible_deterministic(values, 0.001);
  ASSERT_TRUE(visible);
  EXPECT_NEAR(*visible, 3 / 1000.5, 1e-12);
  const double edge = *visible * 1000.5;
  EXPECT_EQ(decide_deterministic(values, moved(values, edge - 0.01), 0.001), Change::overlap);
  EXPECT_EQ(decide_deterministic(values, moved(values, edge + 0.01), 0.001), Change::higher);
  EXPECT_EQ(decide_deterministic(values, moved(values, -edge - 0.01), 0.001), Change::lower);
}

TEST(SmallestVisibleDeterministic, IsTheFloorWhereTheRangeIsNarrower)
{
  EXPECT_EQ(smallest_visible_deterministic(Values{1000, 1000}, 0.001), 0.001);
  EXPECT_EQ(smallest_visible_deterministic(Values{1000}, 0.001), 0.001);
}

TEST(SmallestVisibleDeterministic, WithoutAMedianToBeRelativeToThereIsNone)
{
  EXPECT_FALSE(smallest_visible_deterministic({}, 0.001));
  EXPECT_FALSE(smallest_visible_deterministic(Values{-1, 0, 1}, 0.001));
  EXPECT_FALSE(smallest_visible_deterministic(Values{1, NAN}, 0.001));
}

TEST(SmallestVisibleNoisy, IsThatOfTheExactPowerOfTheTTest)
{
  // R: power.t.test(n, sd = 0.02 * sqrt(pi / 3), power = 0.8, sig.level = the level reached)
  const Values values = scattered(0.02);
  EXPECT_NEAR(*smallest_visible_noisy(values, {.boots = 8}), 0.0313144, 0.0002);
  EXPECT_NEAR(*smallest_visible_noisy(values, {.boots = 12}), 0.0252638, 0.0002);
  EXPECT_NEAR(*smallest_visible_noisy(values, {.boots = 30}), 0.0151797, 0.0002);
}

TEST(SmallestVisibleNoisy, MoreMetricsTogetherSeeLess)
{
  const Values values = scattered(0.02);
  EXPECT_GT(*smallest_visible_noisy(values, {.boots = 8, .metrics = 20}),
            *smallest_visible_noisy(values, {.boots = 8}));
}

TEST(SmallestVisibleNoisy, IsAboveTheFloor)
{
  EXPECT_GT(*smallest_visible_noisy(scattered(0.001), {.boots = 8, .floor = 0.02}), 0.02);
  EXPECT_NEAR(*smallest_visible_noisy(Values{7, 7, 7}, {.boots = 8, .floor = 0.02}), 0.02, 1e-12);
}

TEST(SmallestVisibleNoisy, TooFewBootsSeeNothing)
{
  EXPECT_FALSE(smallest_visible_noisy(scattered(0.02), {.boots = 3}));
  EXPECT_TRUE(smallest_visible_noisy(scattered(0.02), {.boots = 4}));
  EXPECT_FALSE(smallest_visible_noisy(scattered(0.02), {.boots = 4, .metrics = 2}));
  EXPECT_FALSE(smallest_visible_noisy(scattered(0.02), {.boots = 0}));
}

TEST(SmallestVisibleNoisy, WithoutTwoPositiveValuesThereIsNone)
{
  EXPECT_FALSE(smallest_visible_noisy({}, {.boots = 8}));
  EXPECT_FALSE(smallest_visible_noisy(Values{1}, {.boots = 8}));
  EXPECT_FALSE(smallest_visible_noisy(Values{1, 0}, {.boots = 8}));
}

// Of 300 comparisons with such a change 80 % should be called; see the header for how near
// that comes. Four standard deviations about 78 %.
TEST(SmallestVisibleNoisy, ChangeOfThatSizeIsCalledWithThePowerPromised)
{
  std::mt19937_64 random(1);
  const double visible = *smallest_visible_noisy(scattered(0.02), {.boots = 8, .floor = 0.01});
  int called = 0;
  for (int i = 0; i < 300; ++i) {
    const auto effect = noisy_effect(simulated_boots({}, 8, 1, random),
                                     simulated_boots({.ratio = 1 + visible}, 8, 1, random), 0.95);
    called += decide_noisy(*effect, effect->p, 0.05, 0.01) == NoisyVerdict::higher;
  }
  EXPECT_GT(called, 205);
  EXPECT_LT(called, 263);
}

}  // namespace
}  // namespace rmaplab
