// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_curve.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

VmaCurve curve_of(std::size_t most_points, const std::vector<std::uint64_t>& counts)
{
  VmaCurve curve(most_points);
  std::uint64_t at = 0;
  for (const std::uint64_t count : counts)
    curve.add({.at = at++, .count = count});
  return curve;
}

TEST(VmaCurve, KeepsEverySampleWhileThereIsRoom)
{
  const VmaCurve curve = curve_of(4, {5, 7, 6, 5});
  EXPECT_EQ(curve.points(), (std::vector<CurvePoint>{{0, 5}, {1, 7}, {2, 6}, {3, 5}}));
  EXPECT_EQ(curve.samples_per_point(), 1u);
}

TEST(VmaCurve, HalvesItsResolutionWhenFullAndKeepsTheHigherOfEachPair)
{
  const VmaCurve curve = curve_of(4, {5, 7, 6, 5, 9});
  EXPECT_EQ(curve.points(), (std::vector<CurvePoint>{{1, 7}, {2, 6}, {4, 9}}));
  EXPECT_EQ(curve.samples_per_point(), 2u);
  EXPECT_EQ(curve.samples(), 5u);
}

TEST(VmaCurve, LaterSamplesFillThePointsOfTheNewResolution)
{
  const VmaCurve curve = curve_of(4, {1, 1, 1, 1, 2, 3, 4, 1, 8});
  EXPECT_EQ(curve.points(), (std::vector<CurvePoint>{{0, 1}, {6, 4}, {8, 8}}));
  EXPECT_EQ(curve.samples_per_point(), 4u);
}

TEST(VmaCurve, PeakOfOneSampleAmongManyIsNeverLost)
{
  for (std::uint64_t peak_at = 0; peak_at < 1000; ++peak_at) {
    VmaCurve curve(8);
    for (std::uint64_t at = 0; at < 1000; ++at)
      curve.add({.at = at, .count = at == peak_at ? 100u : 10u});
    ASSERT_EQ(curve.peak(), (CurvePoint{.at = peak_at, .count = 100}));
    ASSERT_LE(curve.points().size(), 8u);
  }
}

TEST(VmaCurve, PeakIsTheFirstOfEquals)
{
  EXPECT_EQ(curve_of(2, {3, 9, 9, 1, 9}).peak(), (CurvePoint{.at = 1, .count = 9}));
}

TEST(VmaCurve, EndsAreKeptWhereAHigherSampleStandsForThem)
{
  const VmaCurve curve = curve_of(2, {3, 9, 9, 4});
  EXPECT_EQ(curve.first(), (CurvePoint{.at = 0, .count = 3}));
  EXPECT_EQ(curve.last(), (CurvePoint{.at = 3, .count = 4}));
}

TEST(VmaCurve, TakesNoMemoryAfterItsConstructor)
{
  VmaCurve curve(4);
  curve.add({});
  const CurvePoint* const place = curve.points().data();
  for (std::uint64_t at = 1; at < 100; ++at)
    curve.add({.at = at, .count = at});
  EXPECT_EQ(curve.points().data(), place);
}

TEST(VmaCurve, CapabilityCountsThisProcess)
{
  const Capability capability = vma_curve_capability();
  EXPECT_EQ(capability.state, Capability::State::works) << to_string(capability);
}

}  // namespace
}  // namespace rmaplab
