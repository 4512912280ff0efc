// SPDX-License-Identifier: GPL-2.0-only
#include "lab/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace rmaplab
{
namespace
{

using Block = std::vector<std::size_t>;

TEST(BootOrder, HasEachKernelOnceABlock)
{
  for (const char* mode : {"exact", "smp"}) {
    const auto order = boot_order(3, 40, mode, 7);
    ASSERT_EQ(order.size(), 40u);
    for (Block block : order) {
      std::sort(block.begin(), block.end());
      EXPECT_EQ(block, (Block{0, 1, 2})) << mode;
    }
  }
}

TEST(BootOrder, IsDrawnWhereTimeIsMeasured)
{
  const auto order = boot_order(2, 40, "smp", 7);
  EXPECT_EQ(std::set<Block>(order.begin(), order.end()).size(), 2u);
  EXPECT_EQ(order, boot_order(2, 40, "smp", 7));
  EXPECT_NE(order, boot_order(2, 40, "smp", 8));
}

TEST(BootOrder, IsThatOfTheKernelsWhereInstructionsAreCounted)
{
  EXPECT_EQ(boot_order(2, 3, "exact", 7), (std::vector<Block>{{0, 1}, {0, 1}, {0, 1}}));
}

}  // namespace
}  // namespace rmaplab
