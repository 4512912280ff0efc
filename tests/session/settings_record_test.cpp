// SPDX-License-Identifier: GPL-2.0-only
#include "session/settings_record.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/files.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

class SettingsRecordTest : public testing::Test
{
 protected:
  void SetUp() override
  {
    fs::create_directories(setting_.parent_path());
    set("65530");
  }
  void set(const std::string& value) { ASSERT_TRUE(write_file(setting_, value + "\n")); }
  std::string value() { return *read_file(setting_); }
  std::vector<std::string> restored() { return SettingsRecord::restore_all(folder_, root_); }
  // By a process that is killed thereafter.
  void record()
  {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (SettingsRecord::keep(folder_, SettingsGuard::take(root_)))
        ::raise(SIGKILL);
      ::_exit(1);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
  const std::string root_ = temp_->path() / "root";
  const fs::path folder_ = temp_->path() / "run";
  const fs::path setting_ = root_ + "/proc/sys/vm/max_map_count";
};

TEST_F(SettingsRecordTest, TheNextStartPutsBackWhatAKilledOneLeft)
{
  record();
  set("500");
  EXPECT_EQ(restored(),
            std::vector<std::string>{"/proc/sys/vm/max_map_count at 500, was 65530; restored"});
  EXPECT_EQ(value(), "65530");
  set("500");
  EXPECT_TRUE(restored().empty());  // the record is gone
}

TEST_F(SettingsRecordTest, WhoLivesLooksAfterItself)
{
  const auto record = SettingsRecord::keep(folder_, SettingsGuard::take(root_));
  ASSERT_TRUE(record);
  set("500");
  EXPECT_TRUE(restored().empty());
  record->remove();
  EXPECT_TRUE(fs::is_empty(folder_));
}

TEST_F(SettingsRecordTest, WhoComesSecondTakesWhatTheFirstFound)
{
  const pid_t first = ::fork();
  if (first == 0) {
    if (SettingsRecord::keep(folder_, SettingsGuard::take(root_)))
      ::pause();
    ::_exit(1);
  }
  while (!fs::exists(folder_ / ("settings." + std::to_string(first))))
    ::usleep(1000);
  set("500");  // by the first
  EXPECT_TRUE(SettingsRecord::another_lives(folder_));
  EXPECT_NE(SettingsRecord::before(folder_, root_).text().find("max_map_count 65530"),
            std::string::npos);
  EXPECT_TRUE(restored().empty());
  ::kill(first, SIGKILL);
  ::waitpid(first, nullptr, 0);
  EXPECT_FALSE(SettingsRecord::another_lives(folder_));
  EXPECT_EQ(restored().size(), 1U);
  EXPECT_EQ(value(), "65530");
}

TEST_F(SettingsRecordTest, WhatWeNeverChangeIsSomebodysDecision)
{
  const fs::path other = root_ + "/proc/sys/vm/swappiness";
  ASSERT_TRUE(write_file(other, "60\n"));
  record();
  ASSERT_TRUE(write_file(other, "37\n"));
  EXPECT_TRUE(restored().empty());
  EXPECT_EQ(*read_file(other), "37\n");
}

TEST_F(SettingsRecordTest, AFolderThatOthersWriteToIsNotBelieved)
{
  record();
  set("500");
  fs::permissions(folder_, fs::perms::all);
  EXPECT_TRUE(restored().empty());
  EXPECT_EQ(value(), "500\n");
  EXPECT_FALSE(SettingsRecord::keep(folder_, SettingsGuard::take(root_)));
}

TEST_F(SettingsRecordTest, ALinkIsNotFollowed)
{
  const fs::path other = temp_->path() / "other";
  fs::create_directory(other);
  fs::create_symlink(other, folder_);
  EXPECT_FALSE(SettingsRecord::keep(folder_, SettingsGuard::take(root_)));
}

TEST(SettingsText, ReadsBackWithoutWhatIsNoSetting)
{
  const auto guard = SettingsGuard::from_text(
      "/nowhere",
      "value /proc/sys/vm/swappiness 60\nvalue /etc/passwd x\nvalue /sys/../etc/x y\n"
      "swap /swapfile -2\ncgroup /sys/fs/cgroup/rmaplab-1\nvalue\n\n");
  EXPECT_EQ(guard.text(),
            "value /proc/sys/vm/swappiness 60\nswap /swapfile -2\n"
            "cgroup /sys/fs/cgroup/rmaplab-1\n");
}

}  // namespace
}  // namespace rmaplab
