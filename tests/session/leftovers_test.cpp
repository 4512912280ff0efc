// SPDX-License-Identifier: GPL-2.0-only
#include "session/leftovers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace rmaplab
{
namespace
{

bool alone()
{
  return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
}

[[noreturn]] void sleep_for_ever()
{
  for (;;)
    ::pause();
}

TEST(Leftovers, AreNoneWithoutChildren)
{
  EXPECT_TRUE(end_leftovers(-1).empty());
}

TEST(Leftovers, OfOneChildAreItKilledAndReaped)
{
  const pid_t pid = ::fork();
  if (pid == 0)
    sleep_for_ever();
  const auto left = end_leftovers(-1);
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(left[0].starts_with(fmt::format("process {} (", pid))) << left[0];
  EXPECT_TRUE(alone());
}

TEST(Leftovers, OrphansComeToUsAndTheirChildrenAfterThem)
{
  adopt_orphans();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::fork() == 0) {
      ::setsid();
      if (::fork() == 0)
        sleep_for_ever();
      static_cast<void>(!::write(ends[1], "", 1));
      sleep_for_ever();
    }
    ::_exit(0);
  }
  char byte;
  ASSERT_EQ(::read(ends[0], &byte, 1), 1);
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(end_leftovers(-1).size(), 2u);
  EXPECT_TRUE(alone());
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Leftovers, LeaveTheOneThatIsOursAlone)
{
  const pid_t ours = ::fork();
  if (ours == 0)
    sleep_for_ever();
  EXPECT_TRUE(end_leftovers(ours).empty());
  ::kill(ours, SIGKILL);
  EXPECT_EQ(::waitpid(ours, nullptr, 0), ours);
}

}  // namespace
}  // namespace rmaplab
