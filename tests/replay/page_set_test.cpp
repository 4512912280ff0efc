// SPDX-License-Identifier: GPL-2.0-only
#include "replay/page_set.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <set>

namespace rmaplab
{
namespace
{

TEST(PageSet, RunsJoin)
{
  PageSet pages;
  EXPECT_TRUE(pages.add(5));
  EXPECT_TRUE(pages.add(7));
  EXPECT_FALSE(pages.add(5));
  EXPECT_EQ(pages.runs(), 2u);
  EXPECT_TRUE(pages.add(6));
  EXPECT_EQ(pages.runs(), 1u);
  EXPECT_EQ(pages.size(), 3u);
}

TEST(PageSet, IsASetOfNumbers)
{
  std::mt19937 random(1);
  PageSet pages;
  std::set<std::uint64_t> plain;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t begin = random() % 200;
    const std::uint64_t end = begin + random() % 12;
    if (random() % 2) {
      pages.add(begin, end);
      for (auto page = begin; page < end; ++page)
        plain.insert(page);
    } else {
      std::uint64_t gone = 0;
      for (auto page = begin; page < end; ++page)
        gone += plain.erase(page);
      ASSERT_EQ(pages.remove(begin, end), gone);
    }
    ASSERT_EQ(pages.size(), plain.size());
    const std::uint64_t probe = random() % 220;
    ASSERT_EQ(pages.contains(probe), plain.count(probe) == 1);
  }
}

TEST(WrittenPages, AChildOwnsWhatItWritesOnly)
{
  std::uint64_t total = 0;
  WrittenPages parent(total);
  for (std::uint64_t page = 0; page < 100; ++page)
    parent.write(page);
  EXPECT_EQ(total, 100u);
  {
    WrittenPages child = parent.fork();
    EXPECT_EQ(total, 100u);
    child.write(3);  // a copy
    EXPECT_EQ(total, 101u);
    parent.write(4);  // one too: the old page is the child's
    EXPECT_EQ(total, 102u);
  }
  // The child gone, what the parent wrote before and after the fork is its own again.
  parent.write(5);
  EXPECT_EQ(total, 100u);
}

TEST(WrittenPages, AnOrphanKeepsWhatItInherited)
{
  std::uint64_t total = 0;
  std::optional<WrittenPages> parent;
  parent.emplace(total);
  parent->write(1);
  parent->write(2);
  WrittenPages child = parent->fork();
  parent.reset();
  EXPECT_EQ(total, 2u);
  child.write(1);
  EXPECT_EQ(total, 2u);
  child.forget(0, 10);
  EXPECT_EQ(total, 0u);
}

TEST(WrittenPages, MovedPagesAreWrittenAtTheirNewPlace)
{
  std::uint64_t total = 0;
  WrittenPages pages(total);
  pages.write(10);
  pages.move(10, 12, 4);
  pages.write(4);
  EXPECT_EQ(total, 1u);
}

}  // namespace
}  // namespace rmaplab
