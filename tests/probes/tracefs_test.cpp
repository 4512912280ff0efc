// SPDX-License-Identifier: GPL-2.0-only
#include "probes/tracefs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.h"
#include "base/process.h"
#include "base/unique_fd.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

// PID of a process that has ended.
pid_t ended_process()
{
  auto child = Child::spawn({.argv = {"true"}});
  if (!child || !child->wait(5000))
    return -1;
  return child->pid();
}

std::string instance_of(pid_t pid)
{
  return "rmaplab-" + std::to_string(pid);
}

TEST(TraceInstanceName, GivesItsOwner)
{
  EXPECT_EQ(trace_instance_owner(trace_instance_name()), ::getpid());
  EXPECT_EQ(trace_instance_owner("rmaplab-17"), 17);
}

TEST(TraceInstanceName, OfSomebodyElseHasNoOwner)
{
  for (const char* name : {"", "rmaplab", "rmaplab-", "rmaplab-x", "rmaplab-1x", "rmaplab-0",
                           "rmaplab--1", "my-rmaplab-1", "rmaplab-4294967297"})
    EXPECT_FALSE(trace_instance_owner(name)) << name;
}

class StaleInstances : public testing::Test
{
 protected:
  void SetUp() override
  {
    auto made = TempDir::create("tracefs");
    ASSERT_TRUE(made);
    root_.emplace(*std::move(made));
    ASSERT_TRUE(make_directories(root_->path() / "instances"));
  }
  fs::path instance(const std::string& name)
  {
    const fs::path folder = root_->path() / "instances" / name;
    fs::create_directory(folder);
    return folder;
  }
  std::size_t remove_stale() { return remove_stale_instances(root_->path().string()); }
  std::optional<TempDir> root_;
};

TEST_F(StaleInstances, OfEndedProcessesAreRemoved)
{
  const fs::path dead = instance(instance_of(ended_process()));
  EXPECT_EQ(remove_stale(), 0u);
  EXPECT_FALSE(fs::exists(dead));
}

TEST_F(StaleInstances, OfZombiesAreRemoved)
{
  auto child = Child::spawn({.argv = {"true"}});
  ASSERT_TRUE(child);
  siginfo_t about;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child->pid()), &about, WEXITED | WNOWAIT), 0);
  const fs::path dead = instance(instance_of(child->pid()));
  EXPECT_EQ(remove_stale(), 0u);
  EXPECT_FALSE(fs::exists(dead));
}

TEST_F(StaleInstances, OfThisProcessIsAnEarlierProcesssOfThatPid)
{
  const fs::path ours = instance(trace_instance_name());
  EXPECT_EQ(remove_stale(), 0u);
  EXPECT_FALSE(fs::exists(ours));
}

TEST_F(StaleInstances, OfLivingProcessesAndOfOthersStay)
{
  const fs::path alive = instance(instance_of(::getppid()));
  const fs::path foreign = instance("trace-cmd-" + std::to_string(ended_process()));
  EXPECT_EQ(remove_stale(), 0u);
  EXPECT_TRUE(fs::exists(alive));
  EXPECT_TRUE(fs::exists(foreign));
}

// In tracefs an open file is what makes rmdir fail, in another file system any file.
TEST_F(StaleInstances, ThatCannotBeRemovedAreCounted)
{
  const fs::path busy = instance(instance_of(ended_process()));
  ASSERT_TRUE(write_file(busy / "trace_marker", ""));
  EXPECT_EQ(remove_stale(), 1u);
}

TEST(StaleInstancesWithoutTracefs, AreNone)
{
  EXPECT_EQ(remove_stale_instances("/nonexistent"), 0u);
}

TEST(TraceInstance, WithAnOpenFileIsNotRemovedByOthers)
{
  const auto root = tracefs_root();
  if (!root)
    GTEST_SKIP() << to_string(root.error());
  const auto made = TraceInstance::create(*root, instance_of(ended_process()));
  if (!made)
    GTEST_SKIP() << to_string(made.error());
  {
    const UniqueFd marker(::open((made->folder() + "/trace_marker").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(marker);
    EXPECT_EQ(remove_stale_instances(*root), 1u);
    EXPECT_TRUE(fs::exists(made->folder()));
  }
  EXPECT_EQ(remove_stale_instances(*root), 0u);
  EXPECT_FALSE(fs::exists(made->folder()));
}

}  // namespace
}  // namespace rmaplab
