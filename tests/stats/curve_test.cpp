// SPDX-License-Identifier: GPL-2.0-only
#include "stats/curve.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace rmaplab
{
namespace
{

// Of fork_flat on Linux 7.0: 360 thousand instructions and 5 thousand a VMA.
std::vector<CurvePoint> line()
{
  std::vector<CurvePoint> points;
  for (const double x : {0, 1, 4, 16, 64, 256, 1024})
    points.push_back({x, 360'000 + 5'000 * x});
  return points;
}

TEST(Curve, ALineIsFoundToTheLastDigitAndDoesNotBend)
{
  const auto curve = curve_of(line());
  ASSERT_TRUE(curve);
  EXPECT_NEAR(curve->intercept, 360'000, 1e-3);
  EXPECT_NEAR(curve->slope, 5'000, 1e-6);
  EXPECT_NEAR(curve->residual, 0, 1e-9);
  EXPECT_FALSE(curve->bend);
}

TEST(Curve, ALastPointAboveTheLineIsABendAtThePointBefore)
{
  auto points = line();
  points.back().y *= 1.09;
  const auto curve = curve_of(points);
  ASSERT_TRUE(curve);
  ASSERT_TRUE(curve->bend);
  EXPECT_EQ(curve->bend->knee, 256);
  EXPECT_NEAR(curve->slope, 5'000, 1e-6);
  EXPECT_NEAR(curve->bend->excess, 0.09, 1e-9);
  EXPECT_NEAR(curve->bend->beyond, 5'000 + 0.09 * 5'480'000 / 768, 1e-6);
}

TEST(Curve, ASquareBends)
{
  std::vector<CurvePoint> points;
  for (const double x : {1, 2, 4, 8, 16, 64, 128})
    points.push_back({x, 400'000 + 18'000 * x + 100 * x * x});
  const auto curve = curve_of(points);
  ASSERT_TRUE(curve && curve->bend);
  EXPECT_EQ(curve->bend->knee, 16);
}

TEST(Curve, WhatIsLessThanThreePercentOrTheScatterOfTheRestIsNone)
{
  auto little = line();
  little.back().y *= 1.029;
  EXPECT_FALSE(curve_of(little)->bend);
  auto scattered = line();
  scattered[2].y *= 1.1;
  scattered.back().y *= 1.09;
  EXPECT_FALSE(curve_of(scattered)->bend);
}

TEST(Curve, ACostThatFlattensIsNoBend)
{
  auto points = line();
  points.back().y *= 0.8;
  EXPECT_FALSE(curve_of(points)->bend);
}

TEST(Curve, AnEarlyKinkThatIsOverIsNoBend)
{
  std::vector<CurvePoint> points;
  for (const double x : {1, 2, 3, 4, 5, 100, 200, 400})
    points.push_back({x, 1000 + 10 * x + (x > 3 ? 300 : 0)});
  EXPECT_FALSE(curve_of(points)->bend);
}

TEST(Curve, ACostThatDoesNotGrowCanBend)
{
  const std::vector<CurvePoint> points = {{10, 9000}, {100, 9000}, {1000, 9000}, {3000, 9900}};
  const auto curve = curve_of(points);
  ASSERT_TRUE(curve && curve->bend);
  EXPECT_EQ(curve->bend->knee, 1000);
}

TEST(Curve, TooFewPointsSizesOutOfOrderOrCostsOfNothingAreNoCurve)
{
  const std::vector<CurvePoint> few = {{1, 1}, {2, 2}, {3, 3}};
  EXPECT_FALSE(curve_of(few));
  auto turned = line();
  std::swap(turned[0], turned[1]);
  EXPECT_FALSE(curve_of(turned));
  auto twice = line();
  twice[1].x = 0;
  EXPECT_FALSE(curve_of(twice));
  for (const double none : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    auto bad = line();
    bad[3].y = none;
    EXPECT_FALSE(curve_of(bad)) << none;
  }
}

}  // namespace
}  // namespace rmaplab
