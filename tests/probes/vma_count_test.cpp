// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_count.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace rmaplab
{
namespace
{

constexpr std::string_view kMaps =
    "1000-2000 rw-p 00000000 00:00 0 \n"
    "2000-3000 r--p 00000000 00:00 0 \n"
    "3000-5000 rw-p 00000000 08:01 42         /lib/libc.so.6\n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

TEST(CountVmas, CountsEveryLine)
{
  const auto count = count_vmas(kMaps, {});
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, (VmaCount{.all = 4, .in_range = 0}));
}

TEST(CountVmas, RangeIncludesItsBeginAndExcludesItsEnd)
{
  const auto count = count_vmas(kMaps, {.begin = 0x1000, .end = 0x3000});
  ASSERT_TRUE(count);
  EXPECT_EQ(count->in_range, 2u);
}

TEST(CountVmas, VmaThatBeganBeforeTheRangeIsNotInIt)
{
  const auto count = count_vmas(kMaps, {.begin = 0x4000, .end = 0x6000});
  ASSERT_TRUE(count);
  EXPECT_EQ(count->in_range, 0u);
}

TEST(CountVmas, ReadsAddressesOfTheUpperHalf)
{
  const auto count = count_vmas(kMaps, {.begin = 0xffffffffff600000, .end = 0xffffffffff601000});
  ASSERT_TRUE(count);
  EXPECT_EQ(count->in_range, 1u);
}

TEST(CountVmas, EmptyTextHasNone)
{
  const auto count = count_vmas("", {.begin = 0, .end = 0x1000});
  ASSERT_TRUE(count);
  EXPECT_EQ(*count, VmaCount{});
}

TEST(CountVmas, JunkLineIsRejectedWithItsText)
{
  const auto count = count_vmas("1000-2000 rw-p\nhello - world\n", {});
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Errc::parse);
  EXPECT_EQ(to_string(count.error()), "maps: line 2 does not begin with a range: hello - world");
}

TEST(CountVmas, LineWithoutADashIsRejected)
{
  const auto count = count_vmas("1000\n", {});
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Errc::parse);
}

TEST(ReadVmaCount, FindsAVariableOfThisProcess)
{
  static int variable = 1;
  const auto end = reinterpret_cast<std::uint64_t>(&variable) + 1;
  const auto count = read_vma_count("/proc", ::getpid(), {.begin = 0, .end = end});
  ASSERT_TRUE(count) << to_string(count.error());
  EXPECT_GT(count->in_range, 0u);
  EXPECT_GT(count->all, count->in_range);
}

TEST(ReadVmaCount, MissingProcessIsAnError)
{
  const auto count = read_vma_count("/nonexistent", 1, {});
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Errc::os);
}

}  // namespace
}  // namespace rmaplab
