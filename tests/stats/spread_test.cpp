// SPDX-License-Identifier: GPL-2.0-only
#include "stats/spread.h"

#include <gtest/gtest.h>

#include <vector>

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

TEST(SpreadOf, OddCountHasItsMiddleValueAsMedian)
{
  const auto spread = spread_of(Values{9, 1, 4});
  ASSERT_TRUE(spread);
  EXPECT_EQ(spread->median, 4);
}

TEST(SpreadOf, EvenCountHasTheMeanOfTheMiddleTwoAsMedian)
{
  const auto spread = spread_of(Values{9, 1, 4, 5});
  ASSERT_TRUE(spread);
  EXPECT_EQ(spread->median, 4.5);
}

TEST(SpreadOf, HasTheExtremes)
{
  const auto spread = spread_of(Values{4, 9, -1, 5});
  ASSERT_TRUE(spread);
  EXPECT_EQ(spread->min, -1);
  EXPECT_EQ(spread->max, 9);
}

TEST(SpreadOf, NoValuesHaveNone)
{
  EXPECT_FALSE(spread_of({}));
}

TEST(SpreadOf, LeavesItsInputInOrder)
{
  const Values values = {3, 1, 2};
  ASSERT_TRUE(spread_of(values));
  EXPECT_EQ(values, (Values{3, 1, 2}));
}

TEST(MeanOf, IsTheSumByTheCount)
{
  EXPECT_EQ(mean_of(Values{1, 2, 6}), 3);
}

TEST(MeanOf, NoValuesHaveZero)
{
  EXPECT_EQ(mean_of({}), 0);
}

TEST(DecideExact, EqualValuesAreIdentical)
{
  EXPECT_EQ(decide_exact(Values{64}, Values{64}), Change::identical);
}

TEST(DecideExact, NumberOfBootsDoesNotMatter)
{
  EXPECT_EQ(decide_exact(Values{64, 64, 64}, Values{64}), Change::identical);
}

TEST(DecideExact, SmallestDifferenceIsAChange)
{
  EXPECT_EQ(decide_exact(Values{100000}, Values{99999}), Change::lower);
  EXPECT_EQ(decide_exact(Values{100000}, Values{100001}), Change::higher);
}

TEST(DecideExact, AValueOutsideOfTheOthersRangeIsNoEqualityWhateverTheMedians)
{
  EXPECT_EQ(decide_exact(Values{63, 64, 65}, Values{64, 64, 64}), Change::within);
  EXPECT_EQ(decide_exact(Values{64, 64, 64}, Values{63, 64, 65}), Change::overlap);
}

TEST(DecideExact, EmptySideIsNoChange)
{
  EXPECT_EQ(decide_exact({}, Values{64}), Change::within);
  EXPECT_EQ(decide_exact(Values{64}, {}), Change::within);
  EXPECT_EQ(decide_exact({}, {}), Change::within);
}

TEST(DecideDeterministic, SameValuesInTheSameOrderAreIdentical)
{
  EXPECT_EQ(decide_deterministic(Values{10, 12, 11}, Values{10, 12, 11}, 0), Change::identical);
}

TEST(DecideDeterministic, SameValuesOfOtherReplicasAreNotIdentical)
{
  EXPECT_EQ(decide_deterministic(Values{10, 12, 11}, Values{12, 10, 11}, 0), Change::within);
}

TEST(DecideDeterministic, OverlappingRangesAreNoChange)
{
  EXPECT_EQ(decide_deterministic(Values{100, 101, 120}, Values{119, 150, 151}, 0), Change::overlap);
}

TEST(DecideDeterministic, RangesThatTouchOverlap)
{
  EXPECT_EQ(decide_deterministic(Values{100, 110}, Values{110, 120}, 0), Change::overlap);
}

TEST(DecideDeterministic, RangeInsideTheOtherOverlaps)
{
  EXPECT_EQ(decide_deterministic(Values{100, 200}, Values{180, 190}, 0), Change::overlap);
}

TEST(DecideDeterministic, FewValuesDecideNothingUpToThePlacement)
{
  EXPECT_EQ(decide_deterministic(Values{1000}, Values{1005}, 0.001, 0.01), Change::few);
  EXPECT_EQ(decide_deterministic(Values{1000}, Values{1000.5}, 0.001, 0.01), Change::few);
  EXPECT_EQ(decide_deterministic(Values{1000}, Values{1011}, 0.001, 0.01), Change::higher);
  EXPECT_EQ(decide_deterministic(Values{1000}, Values{1000}, 0.001, 0.01), Change::identical);
  EXPECT_EQ(decide_deterministic(Values{1000, 1000, 1000}, Values{1005, 1005, 1005}, 0.001, 0.01),
            Change::higher);
}

TEST(DecideDeterministic, DifferenceBelowTheFloorIsNoChange)
{
  EXPECT_EQ(decide_deterministic(Values{10000}, Values{10009}, 0.001), Change::within);
}

TEST(DecideDeterministic, DifferenceAtTheFloorIsNoChange)
{
  EXPECT_EQ(decide_deterministic(Values{1000}, Values{1250}, 0.25), Change::within);
}

TEST(DecideDeterministic, DisjointRangesBelowAreLower)
{
  EXPECT_EQ(decide_deterministic(Values{100, 101, 102}, Values{97, 98, 99}, 0.001), Change::lower);
}

TEST(DecideDeterministic, DisjointRangesAboveAreHigher)
{
  EXPECT_EQ(decide_deterministic(Values{97, 98, 99}, Values{100, 101, 102}, 0.001), Change::higher);
}

TEST(DecideDeterministic, FloorIsRelativeToTheSizeOfANegativeBase)
{
  EXPECT_EQ(decide_deterministic(Values{-1000}, Values{-1001}, 0.01), Change::within);
  EXPECT_EQ(decide_deterministic(Values{-1000}, Values{-1100}, 0.01), Change::lower);
}

TEST(DecideDeterministic, EmptySideIsNoChange)
{
  EXPECT_EQ(decide_deterministic({}, Values{1}, 0), Change::within);
  EXPECT_EQ(decide_deterministic(Values{1}, {}, 0), Change::within);
  EXPECT_EQ(decide_deterministic({}, {}, 0), Change::within);
}

TEST(RelativeChange, IsHeadByBaseLessOne)
{
  EXPECT_EQ(relative_change(100, 125), 0.25);
  EXPECT_EQ(relative_change(100, 75), -0.25);
}

TEST(RelativeChange, FromZeroToSomethingIsNone)
{
  EXPECT_EQ(relative_change(0, 1), std::nullopt);
}

TEST(RelativeChange, FromZeroToZeroIsZero)
{
  EXPECT_EQ(relative_change(0, 0), 0.0);
}

}  // namespace
}  // namespace rmaplab
