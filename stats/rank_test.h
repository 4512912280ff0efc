// SPDX-License-Identifier: GPL-2.0-only
// The Mann-Whitney U test (Wilcoxon rank sum): do two samples come from one distribution?
// It asks nothing of the distribution's shape, and one wild boot moves one rank.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace rmaplab
{

enum class RankMethod {
  exact,   // every way to deal the pooled ranks to the two sides was counted
  normal,  // approximation
};

struct RankTest {
  double u = 0;  // pairs with the head above the base, ties half: R's W of wilcox.test(head, base)
  double p = 1;  // two-sided
  RankMethod method = RankMethod::exact;
};

// Nothing where a side is empty or a value is not finite.
//
// Up to 2500 pairs p is exact. Without ties that is wilcox.test(head, base, exact = TRUE).
// With ties R falls back to the normal approximation and warns, however few the values;
// here the pooled midranks themselves are dealt in every way, which is exact given the
// ties that were seen. As such a distribution need not be symmetric, p is twice the
// smaller tail, at most 1. (That is also what keeps p at or above smallest_p().)
//
// Above that: normal approximation, corrected for ties and continuity, which is
// wilcox.test(head, base, exact = FALSE).
std::optional<RankTest> rank_test(std::span<const double> base, std::span<const double> head);

// The least p that samples of n and m can reach, whatever they hold: 2 / C(n + m, n).
// It says before any measurement whether a level can be reached; 1 for an empty side.
double smallest_p(std::size_t n, std::size_t m);

// The fewest boots a side with which one of `metrics` metrics can be called changed at
// `level` after Holm's correction: the least n with smallest_p(n, n) * metrics <= level.
// 0 where the level is not positive: no number is enough.
std::size_t boots_needed(double level, std::size_t metrics);

}  // namespace rmaplab
