// SPDX-License-Identifier: GPL-2.0-only
// A confidence interval that sees the repetitions inside the boots, not only one value a
// boot: boots are drawn again with replacement, then repetitions within each drawn boot
// (Kalibera & Jones 2013, see boots.h).
#pragma once

#include <cstddef>
#include <optional>
#include <random>

#include "stats/boots.h"
#include "stats/interval.h"

namespace rmaplab
{

inline constexpr std::size_t kFewestResamples = 100;
inline constexpr std::size_t kMostResamples = 100'000;

// Of head / base, estimated as ratio_of() estimates it, from the median of each boot.
// Nothing where a side has fewer than two boots with repetitions, a value is not positive
// and finite, `confidence` is not between 0 and 1, or `resamples` is below the fewest;
// more than the most are not drawn. The same engine state gives the same interval.
//
// A percentile interval, expanded for few boots as in Hesterberg, "What Teachers Should
// Know About the Bootstrap", The American Statistician 69 (2015), with n + m - 2 degrees of
// freedom. In 1000 simulated comparisons a 95 % interval as it is held the truth in 80, 90
// and 93 % for 3, 4 and 6 boots a side; expanded, in 90, 96 and 97 %. Repetitions that
// scatter more than the boots do count twice, in the medians and in the drawing, and make
// it wider than it need be.
//
// To decide, ratio_of() on boot_medians() is the better interval: exact for few boots, and
// it agrees with the rank test.
std::optional<Interval> bootstrap_ratio(const Boots& base, const Boots& head, double confidence,
                                        std::size_t resamples, std::mt19937_64& random);

}  // namespace rmaplab
