// SPDX-License-Identifier: GPL-2.0-only
// How far one sample lies from another, by Hodges & Lehmann (1963): the median of all
// differences between a value of one and a value of the other. Its interval is the rank
// test turned round: the shifts that the test would not reject.
#pragma once

#include <optional>
#include <span>

#include "stats/interval.h"

namespace rmaplab
{

struct Shift {
  double estimate = 0;
  Interval interval;
  // What the interval reaches: at least what was asked for, as ranks come in steps; less
  // where so few values cannot do better, and then the interval spans all differences.
  double confidence = 0;
};

// head - base, in the samples' unit. Nothing where a side is empty, a value is not finite
// or `confidence` is not between 0 and 1. Sorts all n * m differences.
//
// The ends are the k-th smallest and the k-th largest difference (Hollander & Wolfe,
// Nonparametric Statistical Methods, section 4.3). Up to 2500 pairs k is from the exact
// distribution of U without ties, as in wilcox.test(head, base, conf.int = TRUE); ties
// make the interval wider than it need be, never narrower. Above: normal approximation.
std::optional<Shift> shift_of(std::span<const double> base, std::span<const double> head,
                              double confidence);

// head / base: the shift of the logarithms, taken back. Nothing also where a value is not
// positive: from zero or to zero there is no ratio.
std::optional<Shift> ratio_of(std::span<const double> base, std::span<const double> head,
                              double confidence);

// The estimate alone.
std::optional<double> ratio_estimate(std::span<const double> base, std::span<const double> head);

}  // namespace rmaplab
