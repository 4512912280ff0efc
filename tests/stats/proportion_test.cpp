// SPDX-License-Identifier: GPL-2.0-only
// "R:" marks figures of reference.R.
#include "stats/proportion.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

void expect_interval(const std::optional<Interval>& interval, double low, double high)
{
  ASSERT_TRUE(interval);
  EXPECT_NEAR(interval->low, low, 1e-11);
  EXPECT_NEAR(interval->high, high, 1e-11);
}

TEST(ProportionInterval, MendelsPeasOfConover)
{
  // Conover (1971), pages 97 to 104. R: binom.test(682, 925)
  expect_interval(proportion_interval(682, 925, 0.95), 0.707668264079, 0.765406558242);
}

TEST(ProportionInterval, AgreesWithR)
{
  expect_interval(proportion_interval(4, 20, 0.95), 0.057333997050, 0.436614002997);
  expect_interval(proportion_interval(1, 1000, 0.95), 2.53174874913e-05, 5.55892427983e-03);
  expect_interval(proportion_interval(5, 100, 0.99), 0.0109403335848, 0.1351446825356);
}

TEST(ProportionInterval, NoneOfSomeIsNotNever)
{
  // R: binom.test(0, 10) and (0, 20); 1 - 0.025^(1 / n)
  expect_interval(proportion_interval(0, 10, 0.95), 0, 0.308497107819);
  expect_interval(proportion_interval(0, 20, 0.95), 0, 0.168433470983);
}

TEST(ProportionInterval, AllOfSomeIsNotAlways)
{
  expect_interval(proportion_interval(10, 10, 0.95), 0.691502892181, 1);
}

TEST(ProportionInterval, NoTrialsSayNothing)
{
  expect_interval(proportion_interval(0, 0, 0.95), 0, 1);
}

TEST(ProportionInterval, MoreHitsThanTrialsOrNoPossibleConfidenceHaveNone)
{
  EXPECT_FALSE(proportion_interval(3, 2, 0.95));
  EXPECT_FALSE(proportion_interval(1, 2, 0));
  EXPECT_FALSE(proportion_interval(1, 2, 1));
}

}  // namespace
}  // namespace rmaplab
