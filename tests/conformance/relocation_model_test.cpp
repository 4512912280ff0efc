// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/relocation_model.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

// Places 0 and 2 are begun apart from each other; 1 comes between them.
const Order kBetween = {0, 2, 1};

TEST(RelocationModel, BetweenTwoEitherNeighbourIsRight)
{
  EXPECT_EQ(joined_lower(kBetween), (Layout{{0, 2}, {2, 3}}));
  EXPECT_EQ(joined_upper(kBetween), (Layout{{0, 1}, {1, 3}}));
  EXPECT_EQ(choices_of(kBetween, {{0, 2}, {2, 3}}), "the lower neighbour once");
  EXPECT_EQ(choices_of(kBetween, {{0, 1}, {1, 3}}), "the upper neighbour once");
}

TEST(RelocationModel, NeitherNeighbourOrBothIsWrong)
{
  EXPECT_EQ(choices_of(kBetween, {{0, 1}, {1, 2}, {2, 3}}), std::nullopt);
  EXPECT_EQ(choices_of(kBetween, {{0, 3}}), std::nullopt);
}

TEST(RelocationModel, APieceBesideOneNeighbourHasNoChoice)
{
  EXPECT_EQ(choices_of({1, 0, 2}, {{0, 3}}), "no piece had a choice");
  EXPECT_EQ(choices_of({1, 0, 2}, {{0, 1}, {1, 3}}), std::nullopt);
}

// Between two pieces of one group it joins that group.
TEST(RelocationModel, BetweenTwoOfOneGroupThereIsNoChoice)
{
  // 0 and 4 apart; 1 joins 0; 3 joins 4; 2 lies between the two groups.
  const Order order = {0, 4, 1, 3, 2};
  EXPECT_EQ(choices_of(order, {{0, 3}, {3, 5}}), "the lower neighbour once");
  EXPECT_EQ(choices_of(order, {{0, 2}, {2, 5}}), "the upper neighbour once");
}

TEST(RelocationModel, ChoicesMayDiffer)
{
  const Order order = {0, 2, 4, 1, 3};  // 1 between 0 and 2, 3 between 2 and 4
  EXPECT_EQ(choices_of(order, {{0, 2}, {2, 4}, {4, 5}}), "the lower neighbour twice");
  EXPECT_EQ(choices_of(order, {{0, 1}, {1, 3}, {3, 5}}), "the upper neighbour twice");
  EXPECT_EQ(choices_of(order, {{0, 2}, {2, 3}, {3, 5}}),
            "the lower neighbour once, the upper one once");
  EXPECT_EQ(choices_of(order, {{0, 1}, {1, 4}, {4, 5}}),
            "the lower neighbour once, the upper one once");
}

}  // namespace
}  // namespace rmaplab
