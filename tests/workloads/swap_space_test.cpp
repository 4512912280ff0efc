// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/swap_space.h"

#include <gtest/gtest.h>

#include <cstring>

namespace rmaplab
{
namespace
{

std::uint32_t word_at(const std::string& bytes, std::size_t at)
{
  std::uint32_t word;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

TEST(SwapHeader, FillsOnePageAndEndsInTheMagicWhateverThePageSize)
{
  for (const std::size_t page : {4096u, 16384u, 65536u}) {
    const auto header = swap_header(256 * page, page);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->size(), page);
    EXPECT_EQ(header->substr(page - 10), "SWAPSPACE2");
  }
}

TEST(SwapHeader, SaysVersionLastPageAndNoBadPages)
{
  const auto header = swap_header(10 * 4096 + 4095, 4096);
  ASSERT_TRUE(header);
  EXPECT_EQ(word_at(*header, 1024), 1u);
  EXPECT_EQ(word_at(*header, 1028), 9u);
  EXPECT_EQ(word_at(*header, 1032), 0u);
}

TEST(SwapHeader, OfNinePagesIsRefused)
{
  const auto header = swap_header(9 * 4096, 4096);
  ASSERT_FALSE(header);
  EXPECT_EQ(header.error().code, Errc::usage);
}

TEST(SwapFree, IsTheLineOfMeminfo)
{
  EXPECT_EQ(parse_swap_free_kib("SwapTotal:   9 kB\nSwapFree:      262140 kB\nZswap: 1 kB\n"),
            262140u);
}

TEST(SwapFree, IsNothingWhereTheKernelHasNoSwap)
{
  EXPECT_EQ(parse_swap_free_kib("MemTotal: 5 kB\n"), 0u);
  EXPECT_EQ(parse_swap_free_kib("SwapFree:\n"), 0u);
}

TEST(SwapSpace, OutsideTheLabOnlyWhatIsActiveAnyway)
{
  const std::uint64_t before = swap_free_kib();
  const auto swap = SwapSpace::enable();
  EXPECT_EQ(static_cast<bool>(swap), before > 0);
  if (!swap) {
    EXPECT_EQ(swap.error().code, Errc::unsupported);
    EXPECT_EQ(swap.error().context,
              "no swap is active; rmaplab does not switch any on outside the lab");
  }
}

}  // namespace
}  // namespace rmaplab
