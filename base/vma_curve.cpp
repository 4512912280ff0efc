// SPDX-License-Identifier: GPL-2.0-only
#include "base/vma_curve.h"

#include <algorithm>
#include <cassert>

namespace rmaplab
{

namespace
{

CurvePoint higher(CurvePoint earlier, CurvePoint later)
{
  return later.count > earlier.count ? later : earlier;
}

}  // namespace

VmaCurve::VmaCurve(std::size_t most_points) : most_points_(most_points)
{
  assert(most_points >= 2 && most_points % 2 == 0);
  points_.reserve(most_points);
}

void VmaCurve::add(CurvePoint sample)
{
  if (samples_ == 0)
    first_ = sample;
  last_ = sample;
  ++samples_;
  if (!points_.empty() && in_last_point_ < per_point_) {
    points_.back() = higher(points_.back(), sample);
    ++in_last_point_;
    return;
  }
  if (points_.size() == most_points_) {
    for (std::size_t i = 0; i < most_points_ / 2; ++i)
      points_[i] = higher(points_[2 * i], points_[2 * i + 1]);
    points_.resize(most_points_ / 2);
    per_point_ *= 2;
  }
  points_.push_back(sample);
  in_last_point_ = 1;
}

CurvePoint VmaCurve::peak() const
{
  assert(samples_ > 0);
  CurvePoint peak = points_.front();
  for (const CurvePoint& point : points_)
    peak = higher(peak, point);
  return peak;
}

CurvePoint VmaCurve::first() const
{
  assert(samples_ > 0);
  return first_;
}

CurvePoint VmaCurve::last() const
{
  assert(samples_ > 0);
  return last_;
}

}  // namespace rmaplab
