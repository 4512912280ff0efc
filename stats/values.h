// SPDX-License-Identifier: GPL-2.0-only
// Small helpers over spans of doubles that several statistics share.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace rmaplab
{

// False where one is NaN or infinite: such a value has no rank and no mean.
bool all_finite(std::span<const double> values);

// Mean of the two middle values where the count is even; nothing for no values, NaN where
// one is NaN.
std::optional<double> median_of(std::span<const double> values);

// Natural logarithms; nothing unless every value is positive and finite. A difference of
// logarithms is the logarithm of a ratio: base to head and head to base look the same.
std::optional<std::vector<double>> logs_of(std::span<const double> values);

}  // namespace rmaplab
