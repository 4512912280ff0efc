// SPDX-License-Identifier: GPL-2.0-only
// Costs over a size, of the cases of a workload that differ in one number: which of them bend
// (stats/curve.h). Pure.
#pragma once

#include <string>
#include <vector>

#include "reports/comparison.h"

namespace rmaplab
{

// A line for each curve that bends on one side and not on the other, or at another slope; one
// for those that bend on both alike. Nothing where nothing bends. Of `instructions` only.
std::vector<std::string> curve_lines(const Comparison& comparison);
// Of one run: a line for each curve that bends.
std::vector<std::string> curve_lines(const Run& run);

}  // namespace rmaplab
