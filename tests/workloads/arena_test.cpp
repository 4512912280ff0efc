// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/arena.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>

namespace rmaplab
{
namespace
{

bool is_mapped(const char* page)
{
  return ::msync(const_cast<char*>(page), page_size(), MS_ASYNC) == 0;
}

class ArenaTest : public testing::Test
{
 protected:
  void SetUp() override
  {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer's shadow lies in the arena";
#endif
  }
  void TearDown() override
  {
    Arena::set_offset_pages(0);
  }
};

TEST(PmdSize, IsWhatOnePageOfEightByteEntriesMaps)
{
  EXPECT_EQ(pmd_size(), page_size() * page_size() / 8);
}

TEST_F(ArenaTest, OffsetMovesPagesButNotBlocks)
{
  const auto arena = Arena::create();
  ASSERT_TRUE(arena);
  char* const page = arena->at(3);
  char* const block = arena->block(3);
  Arena::set_offset_pages(37);
  EXPECT_EQ(arena->at(3), page + 37 * page_size());
  EXPECT_EQ(arena->block(3), block);
}

TEST_F(ArenaTest, IslandsAreFollowedByAHoleOfOnePage)
{
  const auto arena = Arena::create();
  ASSERT_TRUE(arena);
  ASSERT_TRUE(arena->map_islands(2, 3));
  EXPECT_TRUE(is_mapped(arena->at(2)));
  EXPECT_FALSE(is_mapped(arena->at(3)));
  EXPECT_TRUE(is_mapped(arena->at(4)));
  EXPECT_FALSE(is_mapped(arena->at(7)));
}

TEST_F(ArenaTest, RefusesToMapOverWhatIsThere)
{
  const auto arena = Arena::create();
  ASSERT_TRUE(arena);
  ASSERT_TRUE(arena->map(arena->at(0), 2));
  const auto again = arena->map(arena->at(1), 1);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().sys_errno, EEXIST);
}

TEST_F(ArenaTest, IsRefusedWhileSomethingElseIsMappedThere)
{
  auto first = Arena::create();
  ASSERT_TRUE(first);
  ASSERT_TRUE(first->map(first->at(5), 1));
  const auto second = Arena::create();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::os);
}

TEST_F(ArenaTest, UnmapsEverythingWithItsOwner)
{
  char* page = nullptr;
  {
    const auto arena = Arena::create();
    ASSERT_TRUE(arena);
    page = arena->at(0);
    ASSERT_TRUE(arena->map(page, 1));
    ASSERT_TRUE(is_mapped(page));
  }
  EXPECT_FALSE(is_mapped(page));
}

}  // namespace
}  // namespace rmaplab
