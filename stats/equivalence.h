// SPDX-License-Identifier: GPL-2.0-only
// "No change" as a claim to be shown. That a test found no difference shows nothing: few
// or noisy boots find none either. Two one-sided tests (TOST; Schuirmann 1987) turn the
// question round: can a change as large as the margin be ruled out, up and down?
#pragma once

#include <optional>
#include <span>

namespace rmaplab
{

// Head less base, of the means of logarithms; Welch's standard error and degrees of freedom.
struct LogDifference {
  double mean = 0;
  double standard_error = 0;      // 0 where neither side varies
  double degrees_of_freedom = 0;  // 0 likewise
};

// Nothing where a side has fewer than two values or one that is not positive and finite.
std::optional<LogDifference> log_difference(std::span<const double> base,
                                            std::span<const double> head);

// The larger of the two one-sided p-values: at or below the level, the ratio lies between
// 1 / (1 + margin) and 1 + margin. The margin is relative (0.02 is 2 %), and the same on
// the logarithmic scale in both directions; downwards it is a little less than 2 %.
// Without any spread it is 0 or 1. R: the larger p of t.test(log(head), log(base),
// mu = -log(1 + margin), alternative = "greater") and of "less" with mu = log(1 + margin).
double equivalence_p(const LogDifference& difference, double margin);

// The same claim without a bell curve: the 1 - 2 * level interval of ratio_of() lies within
// the margins. False also where there are too few values for such an interval.
bool equivalent_by_rank(std::span<const double> base, std::span<const double> head, double margin,
                        double level);

}  // namespace rmaplab
