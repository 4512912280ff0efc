// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/system_setting.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

TEST(SystemSetting, IsBackWithItsOwner)
{
  const auto folder = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(folder);
  const auto file = folder->path() / "enabled";
  ASSERT_TRUE(write_file(file, "always [madvise] never\n"));
  {
    auto setting = SystemSetting::set(file, "always");
    ASSERT_TRUE(setting);
    const SystemSetting moved = *std::move(setting);
    EXPECT_EQ(*read_file(file), "always");
  }
  EXPECT_EQ(*read_file(file), "madvise");
}

TEST(SystemSetting, ThatIsNotThereIsASkipThatNamesTheFile)
{
  const auto setting = SystemSetting::set("/proc/sys/vm/no_such_setting", "1");
  ASSERT_FALSE(setting);
  EXPECT_EQ(setting.error().code, Errc::unsupported);
  EXPECT_NE(setting.error().context.find("/proc/sys/vm/no_such_setting"), std::string::npos);
}

TEST(SystemSetting, ThatMayNotBeWrittenIsASkipThatNamesTheFile)
{
  const auto setting = SystemSetting::set("/proc/sys/kernel/ostype", "x");  // 0444
  ASSERT_FALSE(setting);
  EXPECT_EQ(setting.error().code, Errc::unsupported);
  EXPECT_NE(setting.error().context.find("/proc/sys/kernel/ostype"), std::string::npos);
}

}  // namespace
}  // namespace rmaplab
