// SPDX-License-Identifier: GPL-2.0-only
#include "replay/machine_room.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kGiB = 1ull << 30;

TEST(MachineRoom, TheCgroupWithTheLeastCounts)
{
  auto dir = TempDir::create("rmaplab-room");
  ASSERT_TRUE(dir);
  const auto root = dir->path();
  auto put = [&root](const std::string& path, const std::string& text) {
    ASSERT_TRUE(make_directories((root / path).parent_path()));
    ASSERT_TRUE(write_file(root / path, text));
  };
  put("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable:   8388608 kB\n");
  put("proc/loadavg", "0.00 0.00 0.00 1/200 4711\n");
  put("proc/sys/kernel/threads-max", "30000\n");
  put("proc/sys/kernel/pid_max", "4194304\n");
  put("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n");
  put("proc/self/cgroup", "0::/a/b\n");
  MachineRoom room = read_machine_room(root);
  EXPECT_EQ(room.memory_bytes, 8 * kGiB);
  EXPECT_EQ(room.memory_of, "this machine");
  EXPECT_EQ(room.huge_pages, HugePages::always);
  EXPECT_LE(room.tasks, 29800u);  // RLIMIT_NPROC may be less

  put("sys/fs/cgroup/a/memory.max", "4294967296\n");  // of the one above
  put("sys/fs/cgroup/a/memory.current", "3221225472\n");
  put("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file 1073741824\n");
  put("sys/fs/cgroup/a/b/memory.max", "max\n");
  put("sys/fs/cgroup/a/b/pids.max", "100\n");
  put("sys/fs/cgroup/a/b/pids.current", "40\n");
  room = read_machine_room(root);
  EXPECT_EQ(room.memory_bytes, 2 * kGiB);
  EXPECT_EQ(room.memory_of, "the cgroup /a");
  EXPECT_EQ(room.tasks, 60u);
  EXPECT_EQ(room.tasks_of, "the cgroup /a/b");

  put("proc/self/cgroup", "7:memory:/old\n3:pids:/\n");  // version 1
  put("sys/fs/cgroup/memory/old/memory.limit_in_bytes", "1073741824\n");
  put("sys/fs/cgroup/memory/old/memory.usage_in_bytes", "0\n");
  room = read_machine_room(root);
  EXPECT_EQ(room.memory_bytes, kGiB);
  EXPECT_EQ(room.memory_of, "the cgroup /old");
}

TEST(MachineRoom, WhatIsTooMuchIsToldWithItsFigure)
{
  TraceNeeds needs;
  needs.page_size = 4096;
  needs.peak_private_pages = kGiB / 4096;
  needs.rows = 10;
  MachineRoom room{.memory_bytes = 2 * kGiB, .tasks = 100, .open_files = 1000};
  EXPECT_EQ(lack_of_room(needs, 1, room), std::nullopt);
  EXPECT_EQ(lack_of_room(needs, 2, room),
            "a replay takes up to 1024 MiB x 2 and 0 MiB for its 10 rows, more than three quarters "
            "of the 2048 MiB that this machine has left");
  needs.rows = 20'000'000;
  EXPECT_EQ(lack_of_room(needs, 1, room),
            "a replay takes up to 1024 MiB and 4882 MiB for its 20000000 rows, more than three "
            "quarters of the 2048 MiB that this machine has left");
  needs.rows = 10;
  needs.peak_threads = 101;
  EXPECT_EQ(lack_of_room(needs, 1, room),
            "a replay takes up to 101 processes and threads at a time, more than the 100 that this "
            "machine has left");
  needs.peak_threads = 1;
  needs.files = 2000;
  EXPECT_EQ(lack_of_room(needs, 1, room),
            "a replay holds 2065 files open, more than the 1000 that RLIMIT_NOFILE allows");
}

}  // namespace
}  // namespace rmaplab
