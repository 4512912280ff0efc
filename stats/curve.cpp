// SPDX-License-Identifier: GPL-2.0-only
#include "stats/curve.h"

#include <algorithm>
#include <cmath>

namespace rmaplab
{

namespace
{

constexpr std::size_t kLeastPoints = 3;  // two are always on a line

bool is_curve(std::span<const CurvePoint> points)
{
  if (points.size() <= kLeastPoints)
    return false;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (!std::isfinite(points[i].x) || !std::isfinite(points[i].y) || !(points[i].y > 0) ||
        (i > 0 && !(points[i - 1].x < points[i].x)))
      return false;
  return true;
}

Curve line_through(std::span<const CurvePoint> points)
{
  double weights = 0;
  double x = 0;
  double y = 0;
  for (const CurvePoint& point : points) {
    const double weight = 1 / (point.y * point.y);
    weights += weight;
    x += weight * point.x;
    y += weight * point.y;
  }
  x /= weights;
  y /= weights;
  double xx = 0;
  double xy = 0;
  for (const CurvePoint& point : points) {
    const double weight = 1 / (point.y * point.y);
    xx += weight * (point.x - x) * (point.x - x);
    xy += weight * (point.x - x) * (point.y - y);
  }
  Curve line{.slope = xy / xx};
  line.intercept = y - line.slope * x;
  for (const CurvePoint& point : points)
    line.residual = std::max(line.residual,
                             std::abs(line.intercept + line.slope * point.x - point.y) / point.y);
  return line;
}

// How far a point lies above a line; endless where the line is not above zero.
double excess_over(const Curve& line, const CurvePoint& point)
{
  const double expected = line.intercept + line.slope * point.x;
  return expected > 0 ? point.y / expected - 1 : INFINITY;
}

}  // namespace

std::optional<Curve> curve_of(std::span<const CurvePoint> points)
{
  if (!is_curve(points))
    return std::nullopt;
  const CurvePoint& last = points.back();
  for (std::size_t known = kLeastPoints; known < points.size(); ++known) {
    if (points[known].x * 4 < last.x)
      continue;
    Curve line = line_through(points.first(known));
    const double limit = std::max(kBendExcess, 2 * line.residual);
    const CurvePoint& knee = points[known - 1];
    const double beyond = (last.y - knee.y) / (last.x - knee.x);
    if (excess_over(line, points[known]) > limit && excess_over(line, last) > limit &&
        beyond > line.slope) {
      line.bend = {.knee = knee.x, .beyond = beyond, .excess = excess_over(line, last)};
      return line;
    }
  }
  return line_through(points);
}

}  // namespace rmaplab
