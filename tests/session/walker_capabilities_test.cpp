// SPDX-License-Identifier: GPL-2.0-only
#include "session/walker_capabilities.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

using State = Capability::State;

class WalkerCapabilities : public testing::Test
{
 protected:
  Result<TempDir> folder_ = TempDir::create("rmaplab-test-");
  std::string root() const { return folder_->path(); }
};

TEST_F(WalkerCapabilities, KsmIsAbsentWithItsOptionWhereThereIsNoFile)
{
  const auto ksm = ksm_capability(root());
  EXPECT_EQ(ksm.state, State::not_here);
  EXPECT_EQ(ksm.reason, "no " + root() + "/kernel/mm/ksm/run");
  EXPECT_EQ(ksm.remedy, "CONFIG_KSM=y");
}

TEST_F(WalkerCapabilities, KsmWorksWhereItsFileCanBeWritten)
{
  ASSERT_TRUE(make_directories(root() + "/kernel/mm/ksm"));
  ASSERT_TRUE(write_file(root() + "/kernel/mm/ksm/run", "0\n"));
  EXPECT_EQ(ksm_capability(root()).state, State::works);
}

TEST_F(WalkerCapabilities, ReclaimNeedsCgroup2AmongTheMounts)
{
  const auto reclaim = memory_reclaim_capability("cgroup /sys/fs/cgroup/memory cgroup rw 0 0\n");
  EXPECT_EQ(reclaim.state, State::not_here);
  EXPECT_EQ(reclaim.reason, "no cgroup2 is mounted");
}

TEST_F(WalkerCapabilities, ReclaimIsAbsentInACgroupWithoutItsFileWhichIsRemoved)
{
  const auto reclaim = memory_reclaim_capability("none " + root() + " cgroup2 rw 0 0\n");
  EXPECT_EQ(reclaim.state, State::not_here);
  EXPECT_EQ(reclaim.reason, "a cgroup in " + root() + " has no memory.reclaim");
  EXPECT_TRUE(std::filesystem::is_empty(root()));
}

TEST_F(WalkerCapabilities, NodesAndSwapThatAreAbsentNameARemedy)
{
  for (const auto& capability : {numa_capability(), swap_capability()})
    EXPECT_EQ(capability.remedy.empty(), capability.state == State::works) << capability.probe;
}

}  // namespace
}  // namespace rmaplab
