// SPDX-License-Identifier: GPL-2.0-only
#include "stats/boots.h"

#include <gtest/gtest.h>

#include <vector>

namespace rmaplab
{
namespace
{

using Values = std::vector<double>;

TEST(BootMedians, AreOneValueABoot)
{
  EXPECT_EQ(boot_medians({{1, 2, 30}, {4}, {5, 6}}), (Values{2, 4, 5.5}));
}

TEST(BootMedians, BootThatMeasuredNothingIsLeftOut)
{
  EXPECT_EQ(boot_medians({{1}, {}, {3}}), (Values{1, 3}));
  EXPECT_EQ(boot_medians({}), Values{});
}

}  // namespace
}  // namespace rmaplab
