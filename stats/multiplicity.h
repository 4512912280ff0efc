// SPDX-License-Identifier: GPL-2.0-only
// P-values of many metrics at once, adjusted so that each can be held against the level as
// if it were alone. Results are in the order of the input; an input that is not between 0
// and 1 is a bug of the caller.
#pragma once

#include <span>
#include <vector>

namespace rmaplab
{

// For a gate: the chance of even one false alarm among all metrics stays below the level,
// however they depend on one another. Holm (1979); R's p.adjust(p, "holm").
std::vector<double> holm(std::span<const double> p);

// For exploring: of the metrics that are called changed, the expected share of false ones
// stays below the level (for independent or positively dependent metrics).
// Benjamini & Hochberg (1995); R's p.adjust(p, "BH").
std::vector<double> benjamini_hochberg(std::span<const double> p);

}  // namespace rmaplab
