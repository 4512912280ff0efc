// SPDX-License-Identifier: GPL-2.0-only
// The shape of a cost over a size: a line, and whether it stays one.
#pragma once

#include <optional>
#include <span>

namespace rmaplab
{

struct CurvePoint {
  double x = 0;  // the size
  double y = 0;  // the cost, positive
};

// Where a cost begins to rise faster than the line through what is before.
struct Bend {
  double knee = 0;    // last size of which the line tells
  double beyond = 0;  // cost a size from there to the last point
  double excess = 0;  // of the last point over the line; 0.1 is 10 %
};

struct Curve {
  double intercept = 0;
  double slope = 0;     // cost a size, up to the knee where there is one
  double residual = 0;  // greatest relative distance of a point from the line, up to the knee
  std::optional<Bend> bend;
};

// The line is that of least squares of relative distances, since a cost of a thousandth
// more is as much for a small size as for a large one. A bend is told only of the last two
// doublings of the size, where it is known what was before: a point that lies above the line
// through all before it by more than kBendExcess and twice as far as any of those, and from
// where on a size costs more. Nothing for fewer than four sizes, for a cost that is not
// positive, or when the sizes do not rise.
inline constexpr double kBendExcess = 0.03;
std::optional<Curve> curve_of(std::span<const CurvePoint> points);

}  // namespace rmaplab
