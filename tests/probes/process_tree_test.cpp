// SPDX-License-Identifier: GPL-2.0-only
#include "probes/process_tree.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/files.h"

namespace rmaplab
{
namespace
{

constexpr std::string_view kStat =
    "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 6000 700 184467\n";

TEST(ProcessId, IsAPositiveNumberThatFits)
{
  const auto pid = parse_pid("4194304");
  ASSERT_TRUE(pid);
  EXPECT_EQ(*pid, 4194304);
  for (const char* text : {"", "0", "-1", "seven", "1 2", "2147483648"}) {
    const auto bad = parse_pid(text);
    ASSERT_FALSE(bad) << text;
    EXPECT_EQ(bad.error().code, Errc::usage);
  }
}

TEST(ProcessStat, NameMayHoldBlanksAndBrackets)
{
  const auto stat = parse_process_stat(kStat);
  ASSERT_TRUE(stat) << to_string(stat.error());
  EXPECT_EQ(
      *stat,
      (ProcessStat{.pid = 42, .comm = "a) b (c", .state = 'S', .ppid = 7, .start_ticks = 12345}));
}

TEST(ProcessStat, ShortLineIsRejected)
{
  for (const char* text : {"", "42", "42 (a", "42 (a) S 7 42", "x (a) S 7 42 42 0 -1 4 1 2 3"})
    EXPECT_FALSE(parse_process_stat(text)) << text;
}

TEST(ProcessStat, MissingProcessIsEsrchAndNamed)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  const auto stat = read_process_stat(temp->path(), 42);
  ASSERT_FALSE(stat);
  EXPECT_EQ(stat.error().sys_errno, ESRCH);
  EXPECT_EQ(to_string(stat.error()), "process 42: No such process");
}

TEST(ProcessTree, ReadsTheNumberedFoldersOnly)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  for (const char* folder : {"42", "43", "sys"})
    ASSERT_TRUE(make_directories(temp->path() / folder));
  ASSERT_TRUE(write_file(temp->path() / "42/stat", kStat));
  const auto processes = read_processes(temp->path());
  ASSERT_TRUE(processes) << to_string(processes.error());
  ASSERT_EQ(processes->size(), 1u);  // 43 has ended
  EXPECT_EQ(processes->at(0).pid, 42);
}

TEST(ProcessTree, ParentsComeFirstThenOlderSiblings)
{
  const std::vector<ProcessStat> processes = {{.pid = 9, .ppid = 1, .start_ticks = 1},
                                              {.pid = 3, .ppid = 9, .start_ticks = 30},
                                              {.pid = 4, .ppid = 9, .start_ticks = 20},
                                              {.pid = 5, .ppid = 4, .start_ticks = 25},
                                              {.pid = 6, .ppid = 1, .start_ticks = 2}};
  EXPECT_EQ(with_descendants(processes, {9}), (std::vector<pid_t>{9, 4, 5, 3}));
  EXPECT_EQ(with_descendants(processes, {4, 9}), (std::vector<pid_t>{4, 5, 9, 3}));
  EXPECT_EQ(with_descendants(processes, {77}), (std::vector<pid_t>{77}));
}

}  // namespace
}  // namespace rmaplab
