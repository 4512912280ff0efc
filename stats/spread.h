// SPDX-License-Identifier: GPL-2.0-only
// Pure statistics over spans of doubles: no I/O, no kernel, no metric names.
#pragma once

#include <optional>
#include <span>

namespace rmaplab
{

struct Spread {
  double median = 0;  // mean of the two middle values where the count is even
  double min = 0;
  double max = 0;
};

// Nothing for no values.
std::optional<Spread> spread_of(std::span<const double> values);
// 0 for no values.
double mean_of(std::span<const double> values);

enum class Change {
  identical,  // every value equal
  within,     // not identical, but not a change either: overlap, or below the floor
  lower,
  higher,
};

// Class exact: equal, or changed. Both sides' medians; no floor.
Change decide_exact(std::span<const double> base, std::span<const double> head);

// Class deterministic. The values are one a replica, in the same order on both
// sides; a change is called when the two ranges do not overlap and the medians
// differ by more than `floor` (relative to the base's; 0.001 is 0.1 %).
Change decide_deterministic(std::span<const double> base, std::span<const double> head,
                            double floor);

// head / base - 1; nothing where base is 0 and head is not.
std::optional<double> relative_change(double base, double head);

}  // namespace rmaplab
