// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_count.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "tests/probes/forked_child.h"

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
  EXPECT_EQ(*count, (VmaCount{.all = 4, .map_count = 3, .in_range = 0}));
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

TEST(CountVmas, GateVmaIsALineButNotInTheMapCount)
{
  const auto with_gate = count_vmas(kMaps, {});
  const auto without = count_vmas(kMaps.substr(0, kMaps.find("ffff")), {});
  ASSERT_TRUE(with_gate && without);
  EXPECT_EQ(with_gate->map_count, without->map_count);
  EXPECT_EQ(with_gate->all, without->all + 1);
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

TEST(CountVmas, BrokenEndOfARangeIsRejected)
{
  for (const char* line : {"1000-\n", "1000-2000x rw-p\n", "-2000 rw-p\n", "\n"}) {
    const auto count = count_vmas(line, {});
    ASSERT_FALSE(count) << line;
    EXPECT_EQ(count.error().code, Errc::parse);
  }
}

class ProcTree : public testing::Test
{
 protected:
  void SetUp() override { ASSERT_TRUE(temp_) << to_string(temp_.error()); }
  void process(int pid, const std::string& stat, std::string_view maps)
  {
    const auto folder = temp_->path() / std::to_string(pid);
    ASSERT_TRUE(make_directories(folder));
    ASSERT_TRUE(write_file(folder / "stat", stat));
    ASSERT_TRUE(write_file(folder / "maps", maps));
  }
  std::string root() const { return temp_->path().string(); }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(ProcTree, SumsAProcessAndAllItsDescendantsAndNoOthers)
{
  process(10, "10 (a) S 1 10 10", kMaps);
  process(11, "11 (b ) 99 () S 10 10 10", "1000-2000 rw-p\n");
  process(12, "12 (c) S 11 10 10", "1000-2000 rw-p\n2000-3000 r--p\n");
  process(13, "13 (d) S 1 10 10", kMaps);
  const auto tree = read_tree_vmas(root(), 10, {.begin = 0x1000, .end = 0x2000});
  ASSERT_TRUE(tree) << to_string(tree.error());
  EXPECT_EQ(*tree, (TreeVmas{.processes = 3, .vmas = {.all = 7, .map_count = 6, .in_range = 3}}));
}

TEST_F(ProcTree, ZombieHasNoMapsAndDoesNotCount)
{
  process(10, "10 (a) S 1 10 10", kMaps);
  process(11, "11 (b) Z 10 10 10", "");
  const auto tree = read_tree_vmas(root(), 10, {});
  ASSERT_TRUE(tree) << to_string(tree.error());
  EXPECT_EQ(tree->processes, 1u);
}

TEST_F(ProcTree, UnreadableDescendantIsAnErrorNotASmallerSum)
{
  process(10, "10 (a) S 1 10 10", kMaps);
  process(11, "11 (b) S 10 10 10", "junk\n");
  const auto tree = read_tree_vmas(root(), 10, {});
  ASSERT_FALSE(tree);
  EXPECT_EQ(tree.error().code, Errc::parse);
}

TEST_F(ProcTree, VmasOfAProcessAreThoseThatBeginInTheRange)
{
  process(10, "10 (a) S 1 10 10", kMaps);
  const auto vmas = read_vmas(root(), 10, {.begin = 0x2000, .end = 0x4000});
  ASSERT_TRUE(vmas) << to_string(vmas.error());
  EXPECT_EQ(*vmas, (std::vector<AddressRange>{{0x2000, 0x3000}, {0x3000, 0x5000}}));
}

// Lines lie across the ends of the pieces that are read, the last without a newline.
TEST_F(ProcTree, LongMapsAreCountedWhole)
{
  std::string maps;
  for (int i = 0; i < 5000; ++i)
    maps += "1000-2000 rw-p 00000000 00:00 0 " +
            std::string(static_cast<std::size_t>(i % 97), 'x') + "\n";
  process(10, "10 (a) S 1 10 10", maps + "2000-3000");
  const auto count = read_vma_count(root(), 10, {.begin = 0x1000, .end = 0x2000});
  ASSERT_TRUE(count) << to_string(count.error());
  EXPECT_EQ(*count, (VmaCount{.all = 5001, .map_count = 5001, .in_range = 5000}));
}

TEST_F(ProcTree, LineWithoutAnEndIsRejected)
{
  process(10, "10 (a) S 1 10 10", "1000-2000 " + std::string(100000, 'x'));
  const auto count = read_vma_count(root(), 10, {});
  ASSERT_FALSE(count);
  EXPECT_EQ(count.error().code, Errc::parse);
}

TEST_F(ProcTree, HeadroomIsTheLimitLessTheMapCount)
{
  process(10, "10 (a) S 1 10 10", kMaps);
  ASSERT_TRUE(make_directories(root() + "/sys/vm"));
  ASSERT_TRUE(write_file(root() + "/sys/vm/max_map_count", "65530\n"));
  const auto headroom = read_map_count_headroom(root(), 10);
  ASSERT_TRUE(headroom) << to_string(headroom.error());
  EXPECT_EQ(*headroom, 65527u);
}

TEST_F(ProcTree, HeadroomBeyondTheLimitIsNone)
{
  process(10, "10 (a) S 1 10 10", kMaps);
  ASSERT_TRUE(make_directories(root() + "/sys/vm"));
  ASSERT_TRUE(write_file(root() + "/sys/vm/max_map_count", "2\n"));
  const auto headroom = read_map_count_headroom(root(), 10);
  ASSERT_TRUE(headroom) << to_string(headroom.error());
  EXPECT_EQ(*headroom, 0u);
}

TEST(ReadTreeVmas, FindsAChildOfThisProcess)
{
  const auto alone = read_tree_vmas("/proc", ::getpid(), {});
  ASSERT_TRUE(alone) << to_string(alone.error());
  const ForkedChild child([] { return true; });
  ASSERT_TRUE(child.good());
  const auto both = read_tree_vmas("/proc", ::getpid(), {});
  ASSERT_TRUE(both) << to_string(both.error());
  EXPECT_EQ(both->processes, alone->processes + 1);
  const auto of_child = read_vma_count("/proc", child.pid(), {});
  ASSERT_TRUE(of_child) << to_string(of_child.error());
  // Either may map some memory between the readings (a sanitizer's allocator), but a sum that
  // lacked one of them would be about half.
  EXPECT_GT(both->vmas.all, (alone->vmas.all + of_child->all) * 3 / 4);
}

// Up to what the kernel calls the limit: our count of what it counts is exact.
TEST(ReadMapCountHeadroom, IsNoneWhenASplitIsRefusedAndOneAfterAMerge)
{
  const auto before = read_map_count_headroom("/proc", ::getpid());
  ASSERT_TRUE(before) << to_string(before.error());
  if (*before > 500'000)
    GTEST_SKIP() << "vm.max_map_count leaves " << *before << " VMAs: too many for a test";
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t bytes = (*before + 3) * page;
  void* const map = ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  char* const begin = static_cast<char*>(map);
  // Every second page readable, from the left: the first page splits once, the others twice.
  const auto split_until_refused = [&] {
    for (std::size_t i = 0; i < bytes / page; i += 2)
      if (::mprotect(begin + i * page, page, PROT_READ) < 0)
        return errno == ENOMEM;
    return false;
  };
  const auto headroom_after = [](const ForkedChild& child) {
    const auto left = read_map_count_headroom("/proc", child.pid());
    return left ? static_cast<std::int64_t>(*left) : -1;
  };
  const ForkedChild full(split_until_refused);
  ASSERT_TRUE(full.good());
  EXPECT_EQ(headroom_after(full), 0);
  // The first two pages alike again: one VMA less, and so one split more to the limit.
  const ForkedChild merged(
      [&] { return split_until_refused() && ::mprotect(begin, page, PROT_NONE) == 0; });
  ASSERT_TRUE(merged.good());
  EXPECT_EQ(headroom_after(merged), 1);
  ::munmap(map, bytes);
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
