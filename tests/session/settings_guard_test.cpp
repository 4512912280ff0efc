// SPDX-License-Identifier: GPL-2.0-only
#include "session/settings_guard.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

constexpr const char* kMaps = "/proc/sys/vm/max_map_count";
constexpr const char* kHuge = "/sys/kernel/mm/transparent_hugepage/enabled";
constexpr const char* kHuge64 = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";

// A kernel of plain files.
class SettingsGuardOnFiles : public testing::Test
{
 protected:
  void SetUp() override
  {
    auto folder = TempDir::create("rmaplab-test-");
    ASSERT_TRUE(folder);
    folder_.emplace(*std::move(folder));
    put(kMaps, "65530\n");
    put(kHuge, "always [madvise] never\n");
    put(kHuge64, "always inherit madvise [never]\n");
    put("/proc/swaps", "Filename\tType\t\tSize\tUsed\tPriority\n/dev/a partition 100 0 -2\n");
  }
  std::string root() const { return folder_->path(); }
  void put(const std::string& path, const std::string& text) const
  {
    const std::filesystem::path whole = root() + path;
    ASSERT_TRUE(make_directories(whole.parent_path()));
    ASSERT_TRUE(write_file(whole, text));
  }
  std::string get(const std::string& path) const { return *read_file(root() + path); }

 private:
  std::optional<TempDir> folder_;
};

TEST_F(SettingsGuardOnFiles, SaysNothingWhenNothingChanged)
{
  const auto guard = SettingsGuard::take(root());
  EXPECT_EQ(guard.settings(), 3u);
  EXPECT_TRUE(guard.restore().empty());
  EXPECT_EQ(get(kHuge), "always [madvise] never\n");
}

TEST_F(SettingsGuardOnFiles, NamesAndRestoresWhatChanged)
{
  const auto guard = SettingsGuard::take(root());
  put(kMaps, "70000\n");
  EXPECT_EQ(guard.restore(),
            (std::vector<std::string>{"/proc/sys/vm/max_map_count at 70000, was 65530; restored"}));
  EXPECT_EQ(get(kMaps), "65530");
  EXPECT_TRUE(guard.restore().empty());
}

TEST_F(SettingsGuardOnFiles, RestoresTheWordInBrackets)
{
  const auto guard = SettingsGuard::take(root());
  put(kHuge64, "[always] inherit madvise never\n");
  EXPECT_EQ(guard.restore(),
            (std::vector<std::string>{std::string(kHuge64) + " at always, was never; restored"}));
  EXPECT_EQ(get(kHuge64), "never");
}

TEST_F(SettingsGuardOnFiles, SaysWhenItCouldNotRestore)
{
  const auto guard = SettingsGuard::take(root());
  put("/proc/swaps", "Filename\tType\t\tSize\tUsed\tPriority\n/nonexistent/b file 100 0 5\n");
  const auto changed = guard.restore();
  ASSERT_EQ(changed.size(), 2u);
  EXPECT_TRUE(changed[0].starts_with("swap on /nonexistent/b; not restored: ")) << changed[0];
  EXPECT_TRUE(changed[1].starts_with("swap off /dev/a; not restored: ")) << changed[1];
}

TEST_F(SettingsGuardOnFiles, RemovesACgroupOfOursWithItsOwn)
{
  ASSERT_TRUE(make_directories(root() + "/sys/fs/cgroup/rmaplab-before"));
  const auto guard = SettingsGuard::take(root());
  ASSERT_TRUE(make_directories(root() + "/sys/fs/cgroup/rmaplab-7/inner"));
  ASSERT_TRUE(make_directories(root() + "/sys/fs/cgroup/other"));
  EXPECT_EQ(guard.restore(),
            (std::vector<std::string>{"cgroup /sys/fs/cgroup/rmaplab-7; restored"}));
  EXPECT_FALSE(std::filesystem::exists(root() + "/sys/fs/cgroup/rmaplab-7"));
  EXPECT_TRUE(std::filesystem::exists(root() + "/sys/fs/cgroup/rmaplab-before"));
}

TEST_F(SettingsGuardOnFiles, LeavesToTheAdvisorWhatTheAdvisorSets)
{
  put("/sys/kernel/mm/ksm/advisor_mode", "none [scan-time]\n");
  put("/sys/kernel/mm/ksm/pages_to_scan", "100\n");
  const auto guard = SettingsGuard::take(root());
  put("/sys/kernel/mm/ksm/pages_to_scan", "200\n");
  EXPECT_TRUE(guard.restore().empty());
}

TEST(SettingsGuard, SwapsHavePrioritiesAndTheHeadingsAreNone)
{
  EXPECT_EQ(
      parse_swaps("Filename Type Size Used Priority\n/dev/a partition 9 0 -2\n/b file 9 0 5\n"),
      (std::map<std::string, int>{{"/dev/a", -2}, {"/b", 5}}));
}

}  // namespace
}  // namespace rmaplab
