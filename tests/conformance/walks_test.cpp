// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/walks.h"

#include <gtest/gtest.h>

namespace rmaplab
{

TEST(PageEntry, PresentPageHasItsFrame)
{
  const PageEntry entry = page_entry(0x8100'0000'0001'2345u);
  EXPECT_TRUE(entry.present);
  EXPECT_TRUE(entry.exclusive);
  EXPECT_FALSE(entry.swapped);
  EXPECT_FALSE(entry.file_or_shared);
  EXPECT_EQ(entry.frame, 0x12345u);
}

TEST(PageEntry, SoftDirtyBitIsNoPartOfTheFrame)
{
  EXPECT_EQ(page_entry(0x8080'0000'0000'0007u).frame, 7u);
}

TEST(PageEntry, SwappedPageHasNoFrame)
{
  const PageEntry entry = page_entry(0x4000'0000'0001'2345u);
  EXPECT_FALSE(entry.present);
  EXPECT_TRUE(entry.swapped);
  EXPECT_EQ(entry.frame, 0u);
}

TEST(PageEntry, FilePageIsToldFromAnAnonymousOne)
{
  EXPECT_TRUE(page_entry(0xa000'0000'0000'0001u).file_or_shared);
}

}  // namespace rmaplab
