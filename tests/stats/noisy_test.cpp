// SPDX-License-Identifier: GPL-2.0-only
#include "stats/noisy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "stats/multiplicity.h"
#include "stats/rank_test.h"
#include "tests/stats/simulated.h"

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

constexpr double kLevel = 0.05;

Boots single(const Values& values)
{
  Boots boots;
  for (const double value : values)
    boots.push_back({value});
  return boots;
}

const Values kBase = {100, 104, 98, 101, 99, 103};
const Values kLower = {95, 97, 94, 96.5, 92, 93};
const Values kNear = {100.5, 103, 99.5, 101.5, 98.5, 102};

// One metric alone: its p needs no adjusting.
NoisyVerdict verdict_of(const Values& base, const Values& head, double floor)
{
  const auto effect = noisy_effect(single(base), single(head), 0.95);
  EXPECT_TRUE(effect);
  return decide_noisy(*effect, effect->p, kLevel, floor);
}

TEST(NoisyEffect, IsThatOfTheMediansOfTheBoots)
{
  const Boots base = {{99, 100, 300}, {104}, {98, 98}, {101}, {99}, {103}, {}};
  const auto effect = noisy_effect(base, single(kLower), 0.95);
  ASSERT_TRUE(effect);
  EXPECT_EQ(effect->boots_base, 6U);
  EXPECT_EQ(effect->boots_head, 6U);
  EXPECT_EQ(effect->base.median, 100.5);
  EXPECT_EQ(effect->head.median, 94.5);
  EXPECT_EQ(effect->p, smallest_p(6, 6));
  EXPECT_EQ(effect->smallest_p, smallest_p(6, 6));
  ASSERT_TRUE(effect->ratio);
  EXPECT_EQ(effect->ratio->estimate, ratio_of(kBase, kLower, 0.95)->estimate);
  EXPECT_EQ(effect->shift.estimate, shift_of(kBase, kLower, 0.95)->estimate);
  EXPECT_TRUE(effect->logs);
}

TEST(NoisyEffect, OfZerosHasAShiftAndNoRatio)
{
  const auto effect = noisy_effect(single({0, 0, 0, 0}), single({5, 6, 7, 8}), 0.95);
  ASSERT_TRUE(effect);
  EXPECT_FALSE(effect->ratio);
  EXPECT_FALSE(effect->logs);
  EXPECT_EQ(effect->shift.estimate, 6.5);
}

TEST(NoisyEffect, WithoutBootsThereIsNone)
{
  EXPECT_FALSE(noisy_effect({}, single(kBase), 0.95));
  EXPECT_FALSE(noisy_effect(single(kBase), {{}, {}}, 0.95));
  EXPECT_FALSE(noisy_effect(single({1, NAN}), single(kBase), 0.95));
  EXPECT_FALSE(noisy_effect(single(kBase), single(kBase), 1));
}

TEST(DecideNoisy, SeparateBootsBeyondTheFloorAreAChange)
{
  EXPECT_EQ(verdict_of(kBase, kLower, 0.02), NoisyVerdict::lower);
  EXPECT_EQ(verdict_of(kLower, kBase, 0.02), NoisyVerdict::higher);
}

TEST(DecideNoisy, ThreeBootsASideAreTooFewWhateverTheyHold)
{
  EXPECT_EQ(verdict_of({1, 2, 3}, {1001, 1002, 1003}, 0.02), NoisyVerdict::too_few_boots);
  EXPECT_EQ(verdict_of({7, 7, 7}, {7, 7, 7}, 0.02), NoisyVerdict::too_few_boots);
  EXPECT_EQ(verdict_of({7}, {7}, 0.02), NoisyVerdict::too_few_boots);
}

TEST(DecideNoisy, FourBootsASideAreEnoughForOneMetric)
{
  EXPECT_EQ(verdict_of({1, 2, 3, 4}, {1001, 1002, 1003, 1004}, 0.02), NoisyVerdict::higher);
}

TEST(DecideNoisy, NoDifferenceFoundIsNotNoDifferenceShown)
{
  EXPECT_EQ(verdict_of(kBase, kNear, 0.02), NoisyVerdict::undecided);
}

TEST(DecideNoisy, ChangeBeyondTheFloorRuledOutIsUnchanged)
{
  EXPECT_EQ(verdict_of(kBase, kNear, 0.05), NoisyVerdict::unchanged);
}

TEST(DecideNoisy, RealDifferenceSurelyBelowTheFloorIsUnchanged)
{
  const Values head = {100.6, 100.7, 100.8, 100.9, 100.65, 100.75};
  EXPECT_EQ(verdict_of({100, 100.1, 100.2, 100.3, 100.05, 100.15}, head, 0.02),
            NoisyVerdict::unchanged);
  EXPECT_EQ(verdict_of({100, 100.1, 100.2, 100.3, 100.05, 100.15}, head, 0.001),
            NoisyVerdict::higher);
}

TEST(DecideNoisy, RealDifferenceOfUnclearSizeIsUndecided)
{
  EXPECT_EQ(verdict_of(kBase, kLower, 0.07), NoisyVerdict::undecided);
}

TEST(DecideNoisy, AdjustedPDecidesAndNotItsOwn)
{
  const auto effect = noisy_effect(single(kBase), single(kLower), 0.95);
  ASSERT_TRUE(effect);
  EXPECT_EQ(decide_noisy(*effect, 0.05, kLevel, 0.02), NoisyVerdict::lower);
  EXPECT_EQ(decide_noisy(*effect, 0.051, kLevel, 0.02), NoisyVerdict::undecided);
}

TEST(DecideNoisy, FromZeroAnyRealChangeIsBeyondTheFloor)
{
  EXPECT_EQ(verdict_of({0, 0, 0, 0}, {5, 6, 7, 8}, 0.5), NoisyVerdict::higher);
  EXPECT_EQ(verdict_of({5, 6, 7, 8}, {0, 0, 0, 0}, 0.5), NoisyVerdict::lower);
}

TEST(DecideNoisy, WithoutARatioTheFloorIsOfTheMedian)
{
  const Values base = {-100, -101, -99, -100};
  EXPECT_EQ(verdict_of(base, {-90, -91, -92, -93}, 0.2), NoisyVerdict::undecided);
  EXPECT_EQ(verdict_of(base, {-90, -91, -92, -93}, 0.02), NoisyVerdict::higher);
}

TEST(DecideNoisy, OneValueEverywhereIsUnchangedEvenIfZero)
{
  EXPECT_EQ(verdict_of({0, 0, 0, 0}, {0, 0, 0, 0}, 0.02), NoisyVerdict::unchanged);
  EXPECT_EQ(verdict_of({7, 7, 7, 7}, {7, 7, 7, 7}, 0), NoisyVerdict::unchanged);
}

TEST(DecideNoisy, MostlyZeroIsUndecided)
{
  EXPECT_EQ(verdict_of({0, 0, 0, 9}, {0, 0, 8, 0}, 0.02), NoisyVerdict::undecided);
}

TEST(Inconclusive, IsWhateverShowsNeither)
{
  EXPECT_TRUE(inconclusive(NoisyVerdict::undecided));
  EXPECT_TRUE(inconclusive(NoisyVerdict::too_few_boots));
  EXPECT_FALSE(inconclusive(NoisyVerdict::unchanged));
  EXPECT_FALSE(inconclusive(NoisyVerdict::lower));
  EXPECT_FALSE(inconclusive(NoisyVerdict::higher));
}

// 60 A/A comparisons of 10 metrics with 8 boots a side and no floor. After Holm's correction
// at most 5 % of the comparisons, 3, should have even one alarm (more than 9: once in 800);
// without it more than a quarter do.
TEST(DecideNoisy, AlarmsOfTenMetricsTogetherStayBelowTheLevel)
{
  std::mt19937_64 random(1);
  int corrected = 0;
  int uncorrected = 0;
  for (int i = 0; i < 60; ++i) {
    std::vector<NoisyEffect> effects;
    Values p;
    for (int metric = 0; metric < 10; ++metric) {
      const Boots base = simulated_boots({}, 8, 3, random);
      const Boots head = simulated_boots({}, 8, 3, random);
      effects.push_back(*noisy_effect(base, head, 0.95));
      p.push_back(effects.back().p);
    }
    const Values adjusted = holm(p);
    bool with = false;
    bool without = false;
    for (std::size_t metric = 0; metric < effects.size(); ++metric) {
      const auto changed = [&](double value) {
        const NoisyVerdict verdict = decide_noisy(effects[metric], value, kLevel, 0);
        return verdict == NoisyVerdict::lower || verdict == NoisyVerdict::higher;
      };
      with |= changed(adjusted[metric]);
      without |= changed(p[metric]);
    }
    corrected += with;
    uncorrected += without;
  }
  EXPECT_LT(corrected, 10);
  EXPECT_GT(uncorrected, 15);
}

// 8 % slower, boots that scatter by 2 %, six of them: seen nearly always, and never reversed.
TEST(DecideNoisy, ClearChangeIsCalledInItsDirection)
{
  std::mt19937_64 random(1);
  int higher = 0;
  for (int i = 0; i < 100; ++i) {
    const auto effect = noisy_effect(simulated_boots({}, 6, 3, random),
                                     simulated_boots({.ratio = 1.08}, 6, 3, random), 0.95);
    const NoisyVerdict verdict = decide_noisy(*effect, effect->p, kLevel, 0.02);
    EXPECT_NE(verdict, NoisyVerdict::lower);
    EXPECT_NE(verdict, NoisyVerdict::unchanged);
    higher += verdict == NoisyVerdict::higher;
  }
  EXPECT_GT(higher, 95);
}

}  // namespace
}  // namespace rmaplab
