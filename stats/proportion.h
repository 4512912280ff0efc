// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <cstddef>
#include <optional>

#include "stats/interval.h"

namespace rmaplab
{

// Exact interval of the chance behind `hits` of `trials`, such as false alarms among A/A
// comparisons: none of 20 is not "never", but "up to 17 %". Clopper & Pearson (1934);
// R's binom.test(hits, trials, conf.level = confidence). 0 to 1 for no trials. Nothing for
// more hits than trials or a confidence that is not between 0 and 1.
std::optional<Interval> proportion_interval(std::size_t hits, std::size_t trials,
                                            double confidence);

}  // namespace rmaplab
