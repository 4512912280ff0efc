// SPDX-License-Identifier: GPL-2.0-only
#include "base/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/files.h"
#include "base/unique_fd.h"

namespace rmaplab
{
namespace
{

SpawnOptions shell(const std::string& script)
{
  return {.argv = {"sh", "-c", script}};
}

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

Pipe make_pipe()
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return {};
  return {.read = UniqueFd(ends[0]), .write = UniqueFd(ends[1])};
}

TEST(RunCommand, CollectsBothOutputsSeparately)
{
  const auto output = run_command(shell("echo to out; echo to err >&2"));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "to out\n");
  EXPECT_EQ(output->err, "to err\n");
}

TEST(RunCommand, KeepsTheExitStatus)
{
  const auto output = run_command(shell("exit 3"));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->wait_status, W_EXITCODE(3, 0));
}

TEST(RunCommand, KeepsTheSignal)
{
  const auto output = run_command(shell("kill -KILL $$"));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->wait_status, W_EXITCODE(0, SIGKILL));
}

TEST(RunCommand, ReadsMoreThanAPipeHoldsOfEitherOutput)
{
  const auto output = run_command(shell("head -c 200000 /dev/zero >&2; head -c 300000 /dev/zero"));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->err.size(), 200'000u);
  EXPECT_EQ(output->out.size(), 300'000u);
}

TEST(RunCommand, InputIsEmptyUnlessGiven)
{
  const auto output = run_command({.argv = {"cat"}});
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "");
}

TEST(RunCommand, AddsToTheEnvironment)
{
  SpawnOptions options = shell("echo $RMAPLAB_TEST; test -n \"$PATH\" && echo path");
  options.environment = {"RMAPLAB_TEST=a b"};
  const auto output = run_command(options);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "a b\npath\n");
}

TEST(RunCommand, RunsInTheFolderGiven)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  ASSERT_TRUE(write_file(temp->path() / "here", "yes"));
  const auto output = run_command({.argv = {"cat", "here"}, .directory = temp->path().string()});
  ASSERT_TRUE(output);
  EXPECT_EQ(output->out, "yes");
}

TEST(RunCommand, MissingFolderIsAnError)
{
  const auto output = run_command({.argv = {"true"}, .directory = "/nonexistent/rmaplab"});
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().sys_errno, ENOENT);
}

TEST(Spawn, MissingProgramIsAnErrorThatNamesIt)
{
  const auto child = Child::spawn({.argv = {"/nonexistent/program"}});
  ASSERT_FALSE(child);
  EXPECT_EQ(to_string(child.error()), "run /nonexistent/program: No such file or directory");
}

TEST(Spawn, PassesAFileUnderTheNumberAskedFor)
{
  Pipe pipe = make_pipe();
  SpawnOptions options = shell("echo passed >&9");
  options.pass_fds = {{pipe.write.get(), 9}};
  auto child = Child::spawn(options);
  ASSERT_TRUE(child);
  ASSERT_EQ(child->wait(), 0);
  char text[16] = {};
  ASSERT_GT(::read(pipe.read.get(), text, sizeof text - 1), 0);
  EXPECT_STREQ(text, "passed\n");
}

TEST(Spawn, CallsTheHookInTheChild)
{
  SpawnOptions options = {.argv = {"true"}};
  options.in_child = [] { ::_exit(42); };
  auto child = Child::spawn(options);
  ASSERT_TRUE(child);
  EXPECT_EQ(child->wait(), W_EXITCODE(42, 0));
}

TEST(Child, WaitGivesNothingOnTimeout)
{
  auto child = Child::spawn({.argv = {"sleep", "5"}});
  ASSERT_TRUE(child);
  EXPECT_EQ(child->wait(1), std::nullopt);
}

TEST(Child, PollDoesNotWait)
{
  auto child = Child::spawn({.argv = {"sleep", "5"}});
  ASSERT_TRUE(child);
  EXPECT_EQ(child->poll(), std::nullopt);
}

TEST(Child, StatusCanBeAskedForAgain)
{
  auto child = Child::spawn(shell("exit 5"));
  ASSERT_TRUE(child);
  ASSERT_EQ(child->wait(), W_EXITCODE(5, 0));
  EXPECT_EQ(child->wait(), W_EXITCODE(5, 0));
  EXPECT_EQ(child->poll(), W_EXITCODE(5, 0));
}

TEST(Child, DestructorKillsAndReaps)
{
  pid_t pid = -1;
  {
    const auto child = Child::spawn({.argv = {"sleep", "5"}});
    ASSERT_TRUE(child);
    pid = child->pid();
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(Child, SurvivesTheEndOfAMovedFromOwner)
{
  std::optional<Result<Child>> first(Child::spawn({.argv = {"sleep", "5"}}));
  ASSERT_TRUE(*first);
  Child second(*std::move(*first));
  first.reset();
  EXPECT_EQ(second.poll(), std::nullopt);
}

TEST(Child, OwnGroupTakesGrandchildrenWithIt)
{
  Pipe pipe = make_pipe();  // the grandchild holds its write end open as long as it lives
  {
    SpawnOptions options = shell("sleep 5 & echo up; wait");
    options.stdout_fd = pipe.write.get();
    options.own_group = true;
    const auto child = Child::spawn(options);
    ASSERT_TRUE(child);
    pipe.write.reset();
    char text[4] = {};
    ASSERT_EQ(::read(pipe.read.get(), text, 3), 3);
  }
  struct pollfd watched = {.fd = pipe.read.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&watched, 1, 2000), 1) << "the grandchild lives on";
  EXPECT_TRUE(watched.revents & POLLHUP);
}

TEST(DescribeWaitStatus, NamesTheExitStatus)
{
  EXPECT_EQ(describe_wait_status(W_EXITCODE(3, 0)), "exit status 3");
}

TEST(DescribeWaitStatus, NamesTheSignal)
{
  EXPECT_EQ(describe_wait_status(W_EXITCODE(0, SIGSEGV)), "signal 11 (Segmentation fault)");
}

TEST(FindProgram, GivesTheFullPath)
{
  const auto path = find_program("sh");
  ASSERT_TRUE(path);
  EXPECT_EQ(path->front(), '/');
  EXPECT_EQ(::access(path->c_str(), X_OK), 0);
}

TEST(FindProgram, UnknownNameIsNothing)
{
  EXPECT_EQ(find_program("rmaplab-no-such-program"), std::nullopt);
}

TEST(FindProgram, NameWithASlashIsNotSearchedFor)
{
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  EXPECT_EQ(find_program("/nonexistent/sh"), std::nullopt);
}

TEST(FindProgram, FileThatCannotBeExecutedIsNone)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  ASSERT_TRUE(write_file(temp->path() / "sh", ""));
  EXPECT_EQ(find_program((temp->path() / "sh").string()), std::nullopt);
}

}  // namespace
}  // namespace rmaplab
