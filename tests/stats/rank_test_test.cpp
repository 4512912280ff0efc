// SPDX-License-Identifier: GPL-2.0-only
// "R:" marks figures of reference.R.
#include "stats/rank_test.h"

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

// Hollander & Wolfe (1973), pages 69 f.: permeability of the human chorioamnion.
const Values kTerm = {0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46};
const Values kWeeks = {1.15, 0.88, 0.90, 0.74, 1.21};

// i * factor modulo a prime, for i = 1 ... 60: no two are equal.
Values many(int factor, int prime, double offset)
{
  Values values;
  for (int i = 1; i <= 60; ++i)
    values.push_back(i * factor % prime + offset);
  return values;
}

TEST(RankTest, PermeabilityOfHollanderAndWolfe)
{
  // R: wilcox.test(weeks, term, exact = TRUE)
  const auto test = rank_test(kTerm, kWeeks);
  ASSERT_TRUE(test);
  EXPECT_EQ(test->u, 15);
  EXPECT_NEAR(test->p, 0.254412254412, 1e-12);
  EXPECT_EQ(test->method, RankMethod::exact);
}

TEST(RankTest, SidesSwappedHaveTheOtherUAndTheSameP)
{
  const auto test = rank_test(kWeeks, kTerm);
  ASSERT_TRUE(test);
  EXPECT_EQ(test->u, 35);
  EXPECT_NEAR(test->p, 0.254412254412, 1e-12);
}

TEST(RankTest, SeparateSidesReachTheSmallestP)
{
  // R: wilcox.test(head, base, exact = TRUE)
  const auto test = rank_test(Values{100, 104, 98, 101, 99, 103}, Values{95, 97, 94, 96.5, 92, 93});
  ASSERT_TRUE(test);
  EXPECT_EQ(test->u, 0);
  EXPECT_NEAR(test->p, 0.0021645021645, 1e-13);
  EXPECT_EQ(test->p, smallest_p(6, 6));
}

TEST(RankTest, FiftyAndFiftyAreStillExact)
{
  Values base, head;
  for (int i = 1; i <= 50; ++i) {
    base.push_back(i);
    head.push_back(i + 7.5);
  }
  const auto test = rank_test(base, head);  // R: wilcox.test(1:50 + 7.5, 1:50, exact = TRUE)
  ASSERT_TRUE(test);
  EXPECT_EQ(test->method, RankMethod::exact);
  EXPECT_EQ(test->u, 1597);
  EXPECT_NEAR(test->p, 1.64501372972e-02, 1e-13);
}

TEST(RankTest, TiesAreExactOverAllDealsOfTheMidranks)
{
  // R: combn() over all deals, twice the smaller tail
  const auto half = rank_test(Values{1, 2, 2, 3, 5}, Values{2, 4, 5, 6, 7, 7});
  ASSERT_TRUE(half);
  EXPECT_EQ(half->u, 25.5);
  EXPECT_NEAR(half->p, 0.0606060606061, 1e-12);
  const auto coarse = rank_test(Values{1, 1, 1, 2}, Values{2, 2, 3, 3, 3});
  ASSERT_TRUE(coarse);
  EXPECT_NEAR(coarse->p, 0.047619047619, 1e-12);
}

TEST(RankTest, TiesDoNotGoBelowTheSmallestP)
{
  // One of four deals is as far out as this one, and none on the other side: 2 * 1 / 4.
  const auto test = rank_test(Values{1}, Values{2, 2, 2});
  ASSERT_TRUE(test);
  EXPECT_EQ(test->p, 0.5);
  EXPECT_GE(test->p, smallest_p(1, 3));
}

TEST(RankTest, ManyValuesAreNormalWithContinuityCorrection)
{
  // R: wilcox.test(many_head + 0.5, many_base, exact = FALSE)
  const auto test = rank_test(many(37, 101, 0), many(53, 103, 8.5));
  ASSERT_TRUE(test);
  EXPECT_EQ(test->method, RankMethod::normal);
  EXPECT_EQ(test->u, 2023);
  EXPECT_NEAR(test->p, 0.242878517416, 1e-12);
}

TEST(RankTest, ManyValuesAreCorrectedForTies)
{
  // R: wilcox.test(many_head, many_base, exact = FALSE)
  const auto test = rank_test(many(37, 101, 0), many(53, 103, 8));
  ASSERT_TRUE(test);
  EXPECT_EQ(test->u, 2006.5);
  EXPECT_NEAR(test->p, 0.279571892113, 1e-12);
}

TEST(RankTest, AllValuesEqualAreNoEvidence)
{
  const auto few = rank_test(Values{7, 7, 7}, Values{7, 7});
  ASSERT_TRUE(few);
  EXPECT_EQ(few->u, 3);
  EXPECT_EQ(few->p, 1);
  const auto lots = rank_test(Values(60, 7), Values(60, 7));
  ASSERT_TRUE(lots);
  EXPECT_EQ(lots->p, 1);
}

TEST(RankTest, OneValueASideIsNoEvidence)
{
  const auto test = rank_test(Values{1}, Values{2});
  ASSERT_TRUE(test);
  EXPECT_EQ(test->p, 1);
}

TEST(RankTest, EmptySideHasNone)
{
  EXPECT_FALSE(rank_test({}, kTerm));
  EXPECT_FALSE(rank_test(kTerm, {}));
}

TEST(RankTest, ValueThatIsNotFiniteHasNone)
{
  EXPECT_FALSE(rank_test(Values{1, NAN}, Values{2, 3}));
  EXPECT_FALSE(rank_test(Values{1, 2}, Values{2, INFINITY}));
}

TEST(SmallestP, IsTwoByTheNumberOfDeals)
{
  EXPECT_EQ(smallest_p(3, 3), 2.0 / 20);
  EXPECT_EQ(smallest_p(4, 4), 2.0 / 70);
  EXPECT_EQ(smallest_p(5, 5), 2.0 / 252);
  EXPECT_EQ(smallest_p(5, 3), 2.0 / 56);
  EXPECT_EQ(smallest_p(3, 5), 2.0 / 56);
}

TEST(SmallestP, OfTooFewValuesIsOne)
{
  EXPECT_EQ(smallest_p(0, 0), 1);
  EXPECT_EQ(smallest_p(0, 9), 1);
  EXPECT_EQ(smallest_p(1, 1), 1);
}

TEST(SmallestP, OfVeryManyValuesIsZero)
{
  EXPECT_EQ(smallest_p(1'000'000, 1'000'000), 0);
}

TEST(BootsNeeded, AreFourForOneMetricAtFivePercent)
{
  EXPECT_EQ(boots_needed(0.05, 1), 4U);  // three reach 0.1, four 0.029
}

TEST(BootsNeeded, GrowWithTheMetricsTestedTogether)
{
  EXPECT_EQ(boots_needed(0.05, 10), 6U);  // five reach 0.079, six 0.022
  EXPECT_EQ(boots_needed(0.05, 100), 8U);
}

TEST(BootsNeeded, NoNumberReachesALevelThatIsNotPositive)
{
  EXPECT_EQ(boots_needed(0, 1), 0U);
  EXPECT_EQ(boots_needed(-1, 1), 0U);
}

// Of 1000 A/A comparisons at 0.05; six boots reach 0.0411. The bounds are four standard
// deviations wide: a test that never alarms fails as well.
TEST(RankTest, FalseAlarmsAreAsOftenAsTheLevelSays)
{
  std::mt19937_64 random(1);
  int alarms = 0;
  for (int i = 0; i < 1000; ++i) {
    const Values base = boot_medians(simulated_boots({}, 6, 1, random));
    const Values head = boot_medians(simulated_boots({}, 6, 1, random));
    alarms += rank_test(base, head)->p <= 0.05;
  }
  EXPECT_GT(alarms, 16);
  EXPECT_LT(alarms, 66);
}

// Why the boot is the unit: the same comparisons with every repetition taken for a boot.
TEST(RankTest, RepetitionsTakenForBootsAlarmFalsely)
{
  std::mt19937_64 random(1);
  int alarms = 0;
  for (int i = 0; i < 100; ++i) {
    Values sides[2];
    for (Values& side : sides)
      for (const Values& boot : simulated_boots({}, 6, 5, random))
        side.insert(side.end(), boot.begin(), boot.end());
    alarms += rank_test(sides[0], sides[1])->p <= 0.05;
  }
  EXPECT_GT(alarms, 25);
}

}  // namespace
}  // namespace rmaplab
