// SPDX-License-Identifier: GPL-2.0-only
// "R:" marks figures of reference.R.
#include "stats/distributions.h"

#include <gtest/gtest.h>

#include <cmath>

namespace rmaplab
{
namespace
{

TEST(Distributions, AgreeWithR)
{
  // R: pnorm, qnorm, pt, qt, qbeta
  EXPECT_NEAR(normal_cdf(-3), 0.00134989803163, 1e-14);
  EXPECT_NEAR(normal_quantile(0.975), 1.95996398454005, 1e-13);
  EXPECT_NEAR(normal_quantile(1e-10), -6.36134090240406, 1e-12);
  EXPECT_NEAR(student_cdf(-2.5, 4.5), 0.0299528432511, 1e-12);
  EXPECT_NEAR(student_quantile(0.975, 10), 2.2281388519863, 1e-12);
  EXPECT_NEAR(beta_quantile(0.025, 4, 17), 0.05733399705, 1e-11);
}

TEST(Distributions, QuantilesOfZeroAndOneAreTheEnds)
{
  EXPECT_EQ(beta_quantile(0, 2, 3), 0);
  EXPECT_EQ(beta_quantile(1, 2, 3), 1);
  EXPECT_EQ(normal_quantile(0), -INFINITY);
  EXPECT_EQ(normal_quantile(1), INFINITY);
}

TEST(Distributions, OutsideTheirDomainTheyAreNanAndDoNotThrow)
{
  EXPECT_TRUE(std::isnan(normal_quantile(-0.5)));
  EXPECT_TRUE(std::isnan(student_quantile(0.5, -1)));
  EXPECT_TRUE(std::isnan(beta_quantile(0.5, -1, 1)));
}

}  // namespace
}  // namespace rmaplab
