// SPDX-License-Identifier: GPL-2.0-only
#include "stats/rank_sum.h"

#include <gtest/gtest.h>

#include <vector>

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

using Ranks = std::vector<std::size_t>;

TEST(PooledRanks, AreDoubledRanksFromOne)
{
  const PooledRanks ranks = pooled_ranks(Values{10, 30}, Values{20, 5});
  EXPECT_EQ(ranks.base, (Ranks{4, 8}));
  EXPECT_EQ(ranks.head, (Ranks{6, 2}));
  EXPECT_EQ(ranks.tie_term, 0);
}

TEST(PooledRanks, TiedValuesShareTheMeanOfTheirRanks)
{
  const PooledRanks ranks = pooled_ranks(Values{1, 2}, Values{2, 2, 7, 7});
  EXPECT_EQ(ranks.base, (Ranks{2, 6}));          // 1 and (2 + 3 + 4) / 3
  EXPECT_EQ(ranks.head, (Ranks{6, 6, 11, 11}));  // (5 + 6) / 2
  EXPECT_EQ(ranks.tie_term, (27 - 3) + (8 - 2));
}

TEST(RankSumCounts, CountEveryChoiceOnce)
{
  // Two of 1 2 3 4: sums 3 4 5 5 6 7.
  EXPECT_EQ(rank_sum_counts(Ranks{1, 2, 3, 4}, 2), (Values{0, 0, 0, 1, 1, 2, 1, 1}));
}

TEST(RankSumCounts, ChoosingNoneOrAllIsOneWay)
{
  EXPECT_EQ(rank_sum_counts(Ranks{1, 2}, 0), (Values{1}));
  EXPECT_EQ(rank_sum_counts(Ranks{1, 2}, 2), (Values{0, 0, 0, 1}));
}

TEST(UChances, ThreeAndTwoAreTheTableOfTenWays)
{
  // U = 0 ... 6 in 1 1 2 2 2 1 1 of 10 ways (Mann & Whitney 1947, table for n = 3).
  const Values chances = u_chances(3, 2);
  ASSERT_EQ(chances.size(), 7U);
  const Values expected = {0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1};
  for (std::size_t u = 0; u < expected.size(); ++u)
    EXPECT_NEAR(chances[u], expected[u], 1e-15) << u;
}

TEST(UChances, DoNotDependOnWhichSideIsWhich)
{
  EXPECT_EQ(u_chances(4, 7), u_chances(7, 4));
}

TEST(ExactIsCheap, UpTo2500Pairs)
{
  EXPECT_TRUE(exact_is_cheap(50, 50));
  EXPECT_FALSE(exact_is_cheap(50, 51));
  EXPECT_FALSE(exact_is_cheap(std::size_t{1} << 32, std::size_t{1} << 32));  // a product of 0
}

}  // namespace
}  // namespace rmaplab
