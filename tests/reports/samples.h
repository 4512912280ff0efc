// SPDX-License-Identifier: GPL-2.0-only
// Rows of runs as tests of the reports write them.
#pragma once

#include <vector>

#include "results/sample.h"

namespace rmaplab
{

inline std::vector<Sample> operator+(std::vector<Sample> left, const std::vector<Sample>& right)
{
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

}  // namespace rmaplab
