// SPDX-License-Identifier: GPL-2.0-only
#include "probes/idle_time.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

TEST(IdleTime, IsTheSumOverCpus)
{
  const auto ns = parse_idle_ns(
      "Timer List Version: v0.10\n"
      "cpu: 0\n"
      "  .idle_entrytime : 5 nsecs\n"
      "  .idle_sleeptime : 1000 nsecs\n"
      "cpu: 1\n"
      "  .idle_sleeptime : 234 nsecs\n");
  ASSERT_TRUE(ns) << to_string(ns.error());
  EXPECT_EQ(*ns, 1234u);
}

TEST(IdleTime, NeverIdleIsZeroAndNoError)
{
  const auto ns = parse_idle_ns("  .idle_sleeptime : 0 nsecs\n");
  ASSERT_TRUE(ns);
  EXPECT_EQ(*ns, 0u);
}

TEST(IdleTime, KernelWithoutTheFieldIsUnsupportedNotZero)
{
  const auto ns = parse_idle_ns("Timer List Version: v0.10\ncpu: 0\n");
  ASSERT_FALSE(ns);
  EXPECT_EQ(ns.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(ns.error()), "timer_list: no idle_sleeptime");
}

TEST(IdleTime, BadNumberIsRejectedWithItsLine)
{
  const auto ns = parse_idle_ns("  .idle_sleeptime : many nsecs\n");
  ASSERT_FALSE(ns);
  EXPECT_EQ(ns.error().code, Errc::parse);
  EXPECT_EQ(to_string(ns.error()),
            "timer_list: bad idle_sleeptime:   .idle_sleeptime : many nsecs");
}

TEST(IdleTime, ReadsTimerListOfTheRootGiven)
{
  const auto temp = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(temp);
  ASSERT_TRUE(write_file(temp->path() / "timer_list", "  .idle_sleeptime : 77 nsecs\n"));
  const auto ns = read_idle_ns(temp->path().string());
  ASSERT_TRUE(ns);
  EXPECT_EQ(*ns, 77u);
}

TEST(IdleTime, MissingTimerListIsAnOsError)
{
  const auto ns = read_idle_ns("/nonexistent");
  ASSERT_FALSE(ns);
  EXPECT_EQ(ns.error().code, Errc::os);
}

}  // namespace
}  // namespace rmaplab
