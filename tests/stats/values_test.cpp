// SPDX-License-Identifier: GPL-2.0-only
#include "stats/values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(MedianOf, OddCountHasItsMiddleValue)
{
  EXPECT_EQ(median_of(Values{9, 1, 4}), 4);
  EXPECT_EQ(median_of(Values{7}), 7);
}

TEST(MedianOf, EvenCountHasTheMeanOfTheMiddleTwo)
{
  EXPECT_EQ(median_of(Values{9, 1, 4, 5}), 4.5);
  EXPECT_EQ(median_of(Values{3, 1}), 2);
}

TEST(MedianOf, NoValuesHaveNone)
{
  EXPECT_EQ(median_of({}), std::nullopt);
}

TEST(MedianOf, NanAmongTheValuesIsNan)
{
  EXPECT_TRUE(std::isnan(*median_of(Values{1, kNan, 3})));
}

TEST(AllFinite, NeitherNanNorInfinityIs)
{
  EXPECT_TRUE(all_finite(Values{-1, 0, 1e300}));
  EXPECT_FALSE(all_finite(Values{1, kNan}));
  EXPECT_FALSE(all_finite(Values{-kInfinity, 1}));
}

TEST(LogsOf, AreNaturalLogarithmsInOrder)
{
  const auto logs = logs_of(Values{1, 100, 0.5});
  ASSERT_TRUE(logs);
  EXPECT_EQ(*logs, (Values{0, std::log(100.0), std::log(0.5)}));
}

TEST(LogsOf, ValueThatIsNotPositiveAndFiniteHasNone)
{
  EXPECT_FALSE(logs_of(Values{1, 0}));
  EXPECT_FALSE(logs_of(Values{1, -1}));
  EXPECT_FALSE(logs_of(Values{1, kNan}));
  EXPECT_FALSE(logs_of(Values{1, kInfinity}));
}

}  // namespace
}  // namespace rmaplab
