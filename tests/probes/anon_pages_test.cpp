// SPDX-License-Identifier: GPL-2.0-only
#include "probes/anon_pages.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rmaplab
{
namespace
{

// Bits of Documentation/admin-guide/mm/pagemap.rst, written out.
TEST(PageKind, IsAnonymousWhenPresentAndNoFiles)
{
  EXPECT_EQ(page_kind(0), PageKind::none);
  EXPECT_EQ(page_kind(0x8000000000001234), PageKind::anonymous);
  EXPECT_EQ(page_kind(0xa000000000001234), PageKind::none);
}

TEST(PageKind, IsSwappedInASwapFileOnly)
{
  EXPECT_EQ(page_kind(0x4000000000000020), PageKind::swapped);  // type 0
  EXPECT_EQ(page_kind(0x400000000000003f), PageKind::none);     // type 31: a marker
  EXPECT_EQ(page_kind(0x6000000000000020), PageKind::none);     // shared memory's
}

TEST(PageFlags, TheZeroPageIsNotAnonymousAndKsmIsNotWalked)
{
  constexpr std::uint64_t kAnon = 1 << 12, kKsm = 1 << 21, kZero = 1 << 24;
  EXPECT_TRUE(is_anonymous(kAnon));
  EXPECT_TRUE(is_walkable(kAnon, true));
  EXPECT_FALSE(is_anonymous(kZero));
  EXPECT_FALSE(is_anonymous(0));
  EXPECT_TRUE(is_anonymous(kAnon | kKsm));
  EXPECT_FALSE(is_walkable(kAnon | kKsm, true));
  EXPECT_TRUE(is_walkable(kAnon | kKsm, false));
}

// Where this machine shows page frames (root), and has a second node for the walk.
TEST(AnonPages, AreCountedAndFoundInOurOwnMemory)
{
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* const at =
      ::mmap(nullptr, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(at, MAP_FAILED);
  ASSERT_EQ(::madvise(at, 8 * page, MADV_NOHUGEPAGE), 0);
  char* const bytes = static_cast<char*>(at);
  bytes[1 * page] = 1;
  bytes[5 * page] = 1;
  const volatile char read_only = bytes[7 * page];  // the zero page
  static_cast<void>(read_only);
  const auto begin = reinterpret_cast<std::uint64_t>(at);
  const auto pages = AnonPages::open(::getpid());
  std::uint64_t most = 100;
  const auto count = pages ? pages->count({.begin = begin, .end = begin + 8 * page}, most)
                           : Result<std::uint64_t>(pages.error());
  if (!count)
    GTEST_SKIP() << to_string(count.error());
  EXPECT_EQ(*count, 2u);
  EXPECT_EQ(most, 92u);
  const auto walkable = pages->walkable({.begin = begin, .end = begin + 8 * page}, 10);
  ASSERT_TRUE(walkable);
  EXPECT_EQ(*walkable, (std::vector<std::uint64_t>{begin + page, begin + 5 * page}));
  const auto walked = walk_pages(::getpid(), *walkable);
  if (!walked)
    GTEST_SKIP() << to_string(walked.error());
  EXPECT_EQ(walked->found, 2u);
  EXPECT_TRUE(walked->not_found.empty());
}

}  // namespace
}  // namespace rmaplab
