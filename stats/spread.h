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
  within,     // not identical, but no more than the floor
  lower,
  higher,
  overlap,  // the medians differ by more than the floor, the two ranges overlap
  few,      // beyond the floor, and within what so few boots cannot tell from placement
};

// Class exact: equal, or changed. Both sides' medians; where these are equal and a value of the
// head is outside of the base's range, overlap: what is exact does not differ from boot to boot.
Change decide_exact(std::span<const double> base, std::span<const double> head);

// With fewer boots a side there is no range to speak of.
inline constexpr std::size_t kLeastBoots = 3;

// Class deterministic. The values are one a replica, in the same order on both sides; a change is
// called when the medians differ by more than `floor` and the two ranges do not overlap. With
// fewer than kLeastBoots values a side a difference up to `placement` decides nothing, neither
// that there is a change nor that there is none: so much has been seen to come of where things lie
// in memory, and another boot has them elsewhere. Both are relative to the base's median; 0.001
// is 0.1 %.
Change decide_deterministic(std::span<const double> base, std::span<const double> head,
                            double floor, double placement = 0);

// head / base - 1; nothing where base is 0 and head is not.
std::optional<double> relative_change(double base, double head);

}  // namespace rmaplab
