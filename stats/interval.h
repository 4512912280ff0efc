// SPDX-License-Identifier: GPL-2.0-only
#pragma once

namespace rmaplab
{

// A confidence interval, both ends in it.
struct Interval {
  double low = 0;
  double high = 0;
  bool operator==(const Interval&) const = default;
};

}  // namespace rmaplab
