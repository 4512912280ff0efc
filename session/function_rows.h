// SPDX-License-Identifier: GPL-2.0-only
// Counts of the lab's plugin as rows of samples.csv.
#pragma once

#include <span>
#include <vector>

#include "results/function_counts.h"
#include "results/sample.h"
#include "session/plan.h"

namespace rmaplab
{

// Pure. function_instructions and function_calls of each function, per operation and item as
// instructions_mean is, which the functions of a repetition add up to. `cases` are the plan's, in
// its order; `samples` those of the boot: a repetition without a row of instructions_mean, one
// that failed or idled, gets no rows. Functions of one name (static ones of several files) are
// one row.
std::vector<Sample> function_rows(const std::vector<FunctionCount>& counts,
                                  std::span<const PlannedCase> cases,
                                  std::span<const Sample> samples);

}  // namespace rmaplab
