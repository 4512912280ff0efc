// SPDX-License-Identifier: GPL-2.0-only
#include "cli/run_folder.h"

#include <gtest/gtest.h>

#include <optional>

#include "base/files.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

class RunFolder : public testing::Test
{
 protected:
  void SetUp() override
  {
    auto temp = TempDir::create("run-folder");
    ASSERT_TRUE(temp);
    temp_.emplace(*std::move(temp));
  }
  void run_in(const fs::path& folder) const
  {
    ASSERT_TRUE(make_directories(top() / folder));
    ASSERT_TRUE(write_file(top() / folder / "manifest.json", "{}"));
  }
  std::string refusal() const
  {
    const auto checked = check_one_kernel(top());
    return checked ? "" : checked.error().context;
  }
  const fs::path& top() const { return temp_->path(); }
  std::optional<TempDir> temp_;
};

TEST_F(RunFolder, OfAnAbNamesBothItsRuns)
{
  run_in("base");
  run_in("head");
  EXPECT_EQ(refusal(), top().string() + " has the runs of two kernels: give " + top().string() +
                           "/base or " + top().string() + "/head");
}

TEST_F(RunFolder, OfAnAbThatWasCutShortNamesWhatIsNotFinished)
{
  run_in("base");
  run_in("head.partial");
  EXPECT_EQ(refusal(), top().string() + " has the runs of two kernels: give " + top().string() +
                           "/base; not finished: " + top().string() + "/head.partial");
  fs::rename(top() / "base", top() / "base.partial");
  EXPECT_EQ(refusal(), top().string() + " has no run of one kernel; not finished: " +
                           top().string() + "/base.partial, " + top().string() + "/head.partial");
}

TEST_F(RunFolder, OfOneRunAndOfBootsOfOneKernelIsTaken)
{
  run_in("20260101T000000Z");
  run_in("base");
  EXPECT_EQ(refusal(), "");
  run_in("head");
  run_in(".");
  EXPECT_EQ(refusal(), "");
  EXPECT_TRUE(check_one_kernel(top() / "nothing"));
  EXPECT_TRUE(check_one_kernel("debian:7.0"));
}

}  // namespace
}  // namespace rmaplab
