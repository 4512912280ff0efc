// SPDX-License-Identifier: GPL-2.0-only
// "R:" marks figures of reference.R.
#include "stats/equivalence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "stats/boots.h"
#include "tests/stats/simulated.h"

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

const Values kBase = {100, 104, 98, 101, 99, 103};
const Values kNear = {100.5, 103, 99.5, 101.5, 98.5, 102};
const Values kFar = {95, 97, 94, 96.5, 92, 93};

TEST(LogDifference, IsWelchs)
{
  // R: t.test(log(near), log(base))
  const auto difference = log_difference(kBase, kNear);
  ASSERT_TRUE(difference);
  EXPECT_NEAR(difference->mean, 0.000105766805325, 1e-13);
  EXPECT_NEAR(difference->standard_error, 0.011536118049790, 1e-13);
  EXPECT_NEAR(difference->degrees_of_freedom, 9.088304148137025, 1e-10);
}

TEST(LogDifference, FewerThanTwoPositiveValuesHaveNone)
{
  EXPECT_FALSE(log_difference({}, kBase));
  EXPECT_FALSE(log_difference(Values{1}, kBase));
  EXPECT_FALSE(log_difference(kBase, Values{1}));
  EXPECT_FALSE(log_difference(kBase, Values{1, 0}));
  EXPECT_FALSE(log_difference(kBase, Values{1, -1}));
  EXPECT_FALSE(log_difference(kBase, Values{1, NAN}));
}

TEST(EquivalenceP, IsTheLargerOfTwoOneSidedTests)
{
  // R: the larger p of t.test(mu = -log1p(margin), "greater") and t.test(mu = log1p(margin),
  // "less")
  const auto near = log_difference(kBase, kNear);
  ASSERT_TRUE(near);
  EXPECT_NEAR(equivalence_p(*near, 0.01), 0.2076895865, 1e-10);
  EXPECT_NEAR(equivalence_p(*near, 0.02), 0.0607995339237, 1e-11);
  EXPECT_NEAR(equivalence_p(*near, 0.05), 0.00109529861083, 1e-12);
  const auto far = log_difference(kBase, kFar);
  ASSERT_TRUE(far);
  EXPECT_NEAR(equivalence_p(*far, 0.05), 0.871186886942, 1e-10);
  EXPECT_NEAR(equivalence_p(*far, 0.10), 0.0162297728173, 1e-11);
}

// A replication by Moery & Calin-Jageman (2016), as the help of Lakens' R package TOSTER works
// it out: means 5.25 (n 95) and 5.22 (n 89), pooled standard deviation 0.894, equal variances,
// margin 0.384: t(182) = -2.69, p = 0.004. Its units are not logarithms; the test is the same.
TEST(EquivalenceP, OrganicFoodOfLakens)
{
  const LogDifference difference{.mean = 5.25 - 5.22,
                                 .standard_error = 0.894 * std::sqrt(1.0 / 95 + 1.0 / 89),
                                 .degrees_of_freedom = 182};
  EXPECT_NEAR(equivalence_p(difference, std::expm1(0.384)), 0.004, 0.0005);
}

TEST(EquivalenceP, UpAndDownAreTheSame)
{
  const auto there = log_difference(kBase, kFar);
  const auto back = log_difference(kFar, kBase);
  ASSERT_TRUE(there && back);
  EXPECT_NEAR(equivalence_p(*there, 0.07), equivalence_p(*back, 0.07), 1e-12);
}

TEST(EquivalenceP, WithoutSpreadItIsCertain)
{
  const auto same = log_difference(Values{7, 7}, Values{7, 7});
  ASSERT_TRUE(same);
  EXPECT_EQ(equivalence_p(*same, 0.02), 0);
  EXPECT_EQ(equivalence_p(*same, 0), 1);  // nothing lies strictly within no margin
  const auto other = log_difference(Values{7, 7}, Values{8, 8});
  ASSERT_TRUE(other);
  EXPECT_EQ(equivalence_p(*other, 0.02), 1);
}

TEST(EquivalentByRank, IsTheIntervalWithinTheMargins)
{
  EXPECT_TRUE(equivalent_by_rank(kBase, kNear, 0.05, 0.05));
  EXPECT_FALSE(equivalent_by_rank(kBase, kNear, 0.01, 0.05));
  EXPECT_FALSE(equivalent_by_rank(kBase, kFar, 0.05, 0.05));
}

TEST(EquivalentByRank, TooFewValuesShowNothing)
{
  EXPECT_FALSE(equivalent_by_rank(Values{7, 7}, Values{7, 7}, 0.05, 0.05));
  EXPECT_TRUE(equivalent_by_rank(Values{7, 7, 7}, Values{7, 7, 7}, 0.05, 0.05));
  EXPECT_FALSE(equivalent_by_rank({}, {}, 0.05, 0.05));
}

TEST(EquivalentByRank, WithoutARatioItIsNotShown)
{
  EXPECT_FALSE(equivalent_by_rank(Values{0, 0, 0, 0}, Values{0, 0, 0, 0}, 0.05, 0.05));
}

// A change of exactly the margin is taken for none in at most the level of the cases: of 1000
// comparisons at 0.05, within four standard deviations.
TEST(EquivalenceP, ChangeAtTheMarginIsRarelyTakenForNone)
{
  std::mt19937_64 random(1);
  int taken = 0;
  for (int i = 0; i < 1000; ++i) {
    const Values base = boot_medians(simulated_boots({.between = 0.01}, 6, 1, random));
    const Values head =
        boot_medians(simulated_boots({.ratio = 1.03, .between = 0.01}, 6, 1, random));
    taken += equivalence_p(*log_difference(base, head), 0.03) <= 0.05;
  }
  EXPECT_GT(taken, 22);
  EXPECT_LT(taken, 78);
}

}  // namespace
}  // namespace rmaplab
