// SPDX-License-Identifier: GPL-2.0-only
// A count over time in bounded memory: VMAs of a process or a tree of them at moments that
// the caller chooses (probes/vma_count.h) or a recording knows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rmaplab
{

struct CurvePoint {
  std::uint64_t at = 0;  // ns or operations: the caller's unit, never falling
  std::uint64_t count = 0;
  bool operator==(const CurvePoint&) const = default;
};

// Each point stands for a number of samples in a row and is the highest of them, of equals
// the first; that number doubles whenever the curve is full. So the peak of all samples is
// always one of the points. No memory is taken after the constructor.
class VmaCurve
{
 public:
  // Even, 2 at least.
  explicit VmaCurve(std::size_t most_points = 256);
  void add(CurvePoint sample);
  // In order; the last may stand for fewer samples than the others.
  const std::vector<CurvePoint>& points() const { return points_; }
  std::uint64_t samples() const { return samples_; }
  std::uint64_t samples_per_point() const { return per_point_; }
  // Of all samples: the highest, of equals the first; and the two ends. Not without a sample.
  CurvePoint peak() const;
  CurvePoint first() const;
  CurvePoint last() const;

 private:
  std::vector<CurvePoint> points_;
  std::size_t most_points_;
  std::uint64_t per_point_ = 1;
  std::uint64_t samples_ = 0;
  std::uint64_t in_last_point_ = 0;
  CurvePoint first_;
  CurvePoint last_;
};

}  // namespace rmaplab
