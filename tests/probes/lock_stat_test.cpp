// SPDX-License-Identifier: GPL-2.0-only
#include "probes/lock_stat.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"

namespace rmaplab
{
namespace
{

constexpr std::string_view kColumns =
    "                              class name    con-bounces    contentions   waittime-min   "
    "waittime-max waittime-total   waittime-avg    acq-bounces   acquisitions   holdtime-min   "
    "holdtime-max holdtime-total   holdtime-avg\n";
constexpr std::string_view kAnonVma =
    "                       &anon_vma->rwsem-W:            46             84           0.26        "
    " "
    "939.10       16371.53         194.90          47291        2922365           0.16      "
    "220301.69      1746402.50           0.60\n"
    "                       &anon_vma->rwsem-R:             0              0           0.00        "
    " "
    "  0.00           0.00           0.00             12            100           0.20      "
    "     3.10          50.25           0.50\n"
    "                       ---------------\n"
    "                         &anon_vma->rwsem              1          [<ffffffff811502a7>] "
    "anon_vma_clone+0x57/0x280\n";

std::string lock_stat(std::string_view columns, std::string_view classes)
{
  const std::string rule = std::string(100, '-') + "\n";
  std::string text = "lock_stat version 0.4\n";
  text += rule;
  text += columns;
  text += rule;
  text += "\n";
  text += classes;
  return text;
}

TEST(LockStat, TakesTheFiguresOfTheClass)
{
  const auto stat = parse_lock_stat(lock_stat(kColumns, kAnonVma), "&anon_vma->rwsem-W");
  ASSERT_TRUE(stat) << to_string(stat.error());
  EXPECT_EQ(*stat, (LockStat{.lock_class = "&anon_vma->rwsem-W",
                             .contentions = 84,
                             .wait = {0.26, 939.10, 16371.53, 194.90},
                             .acquisitions = 2922365,
                             .hold = {0.16, 220301.69, 1746402.50, 0.60}}));
}

TEST(LockStat, ReadersAreAClassOfTheirOwn)
{
  const auto stat = parse_lock_stat(lock_stat(kColumns, kAnonVma), "&anon_vma->rwsem-R");
  ASSERT_TRUE(stat) << to_string(stat.error());
  EXPECT_EQ(stat->acquisitions, 100u);
  EXPECT_EQ(stat->hold.total_us, 50.25);
}

// What a kernel without any reader since the last clear prints; the call sites below it carry the
// same name.
TEST(LockStat, WritersAloneHaveTheBareName)
{
  constexpr std::string_view kWriters =
      "                        &anon_vma->rwsem:             0              0           0.00 "
      "0.00 0.00 0.00 0 1234 0.10 9.00 55.50 0.04\n"
      "                         &anon_vma->rwsem              1          [<0>] f+0x57/0x280\n";
  std::size_t found = 0;
  for (const auto& name : kAnonVmaLockClasses)
    if (const auto stat = parse_lock_stat(lock_stat(kColumns, kWriters), name)) {
      EXPECT_EQ(stat->acquisitions, 1234u);
      EXPECT_EQ(stat->hold.total_us, 55.50);
      ++found;
    }
  EXPECT_EQ(found, 1u);
}

TEST(LockStat, HeaderSaysWhichColumnIsWhich)
{
  const auto stat = parse_lock_stat(
      lock_stat("class name acquisitions holdtime-avg holdtime-total holdtime-max holdtime-min "
                "waittime-min waittime-max waittime-total waittime-avg contentions\n",
                "&anon_vma->rwsem-W: 7 1.5 10.5 3.0 1.0 0.1 0.2 0.3 0.4 2\n"),
      "&anon_vma->rwsem-W");
  ASSERT_TRUE(stat) << to_string(stat.error());
  EXPECT_EQ(*stat, (LockStat{.lock_class = "&anon_vma->rwsem-W",
                             .contentions = 2,
                             .wait = {0.1, 0.2, 0.3, 0.4},
                             .acquisitions = 7,
                             .hold = {1.0, 3.0, 10.5, 1.5}}));
}

TEST(LockStat, HeaderWithoutAColumnIsRejectedNamingIt)
{
  const auto stat = parse_lock_stat(
      lock_stat("class name contentions acquisitions\n", "&anon_vma->rwsem-W: 1 2\n"),
      "&anon_vma->rwsem-W");
  ASSERT_FALSE(stat);
  EXPECT_EQ(to_string(stat.error()),
            "lock_stat: no number in column waittime-min: &anon_vma->rwsem-W: 1 2");
}

TEST(LockStat, ShortLineIsRejected)
{
  const auto stat =
      parse_lock_stat(lock_stat(kColumns, "&anon_vma->rwsem-W: 46 84\n"), "&anon_vma->rwsem-W");
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, Errc::parse);
}

TEST(LockStat, LineBeforeAnyHeaderIsRejected)
{
  const auto stat = parse_lock_stat(lock_stat("", kAnonVma), "&anon_vma->rwsem-W");
  ASSERT_FALSE(stat);
  EXPECT_EQ(to_string(stat.error()), "lock_stat: no header line");
}

TEST(LockStat, MissingClassIsUnsupportedNotZero)
{
  const auto stat = parse_lock_stat(lock_stat(kColumns, kAnonVma), "&mm->mmap_lock-W");
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(stat.error()), "lock_stat: no class &mm->mmap_lock-W");
}

TEST(LockStat, OtherVersionIsRejected)
{
  const auto stat = parse_lock_stat("lock_stat version 0.5\n", "&anon_vma->rwsem-W");
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, Errc::parse);
}

TEST(LockStat, KernelWithoutItIsUnsupportedAndSaysWhatItLacks)
{
  const auto stat = read_lock_stat("/nonexistent", "&anon_vma->rwsem-W");
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(stat.error()), "no /proc/lock_stat: the kernel lacks CONFIG_LOCK_STAT");
}

class LockStatTree : public testing::Test
{
 protected:
  void SetUp() override
  {
    ASSERT_TRUE(temp_) << to_string(temp_.error());
    std::filesystem::create_directories(temp_->path() / "sys/kernel");
    put("lock_stat", lock_stat(kColumns, kAnonVma));
    put("sys/kernel/lock_stat", "0\n");
  }
  void put(const std::string& file, const std::string& text)
  {
    ASSERT_TRUE(write_file(temp_->path() / file, text));
  }
  std::string root() const { return temp_->path().string(); }
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(LockStatTree, ClearSwitchesCountingOnAndWritesZero)
{
  ASSERT_TRUE(write_file(temp_->path() / "sys/kernel/lock_stat", "0\n"));
  const auto was_on = clear_lock_stat(root());
  ASSERT_TRUE(was_on) << to_string(was_on.error());
  EXPECT_FALSE(*was_on);
  EXPECT_TRUE(*clear_lock_stat(root()));
  EXPECT_EQ(read_file(temp_->path() / "sys/kernel/lock_stat")->front(), '1');
  EXPECT_EQ(read_file(temp_->path() / "lock_stat")->front(), '0');
}

TEST_F(LockStatTree, StopSwitchesCountingOff)
{
  ASSERT_TRUE(clear_lock_stat(root()));
  ASSERT_TRUE(stop_lock_stat(root()));
  EXPECT_EQ(read_file(temp_->path() / "sys/kernel/lock_stat")->front(), '0');
}

TEST_F(LockStatTree, CapabilityOfAKernelThatDoesNotCountIsPartlyWithTheSysctl)
{
  const Capability capability = lock_stat_capability(root());
  EXPECT_EQ(capability.state, Capability::State::partly);
  EXPECT_EQ(capability.remedy, "sysctl kernel.lock_stat=1");
}

TEST_F(LockStatTree, CapabilityDoesNotNeedTheClassToHaveBeenTaken)
{
  put("lock_stat", lock_stat(kColumns, ""));
  put("sys/kernel/lock_stat", "1\n");
  EXPECT_EQ(lock_stat_capability(root()).state, Capability::State::works);
}

TEST_F(LockStatTree, CapabilityWithoutTheFileNamesTheOption)
{
  std::filesystem::remove(temp_->path() / "lock_stat");
  const Capability capability = lock_stat_capability(root());
  EXPECT_EQ(capability.state, Capability::State::not_here);
  EXPECT_NE(capability.remedy.find("CONFIG_LOCK_STAT"), std::string::npos);
}

}  // namespace
}  // namespace rmaplab
