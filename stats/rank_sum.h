// SPDX-License-Identifier: GPL-2.0-only
// Ranks of two pooled samples and the exact distribution of a sum of ranks: what the
// rank test and the interval of a shift are both made of.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace rmaplab
{

// Ranks from 1, doubled: tied values share the mean of their ranks, which may end in 1/2.
struct PooledRanks {
  std::vector<std::size_t> base;
  std::vector<std::size_t> head;
  double tie_term = 0;  // sum of t^3 - t over groups of t tied values
};

// All values must be finite.
PooledRanks pooled_ranks(std::span<const double> base, std::span<const double> head);

// In how many ways `chosen` of the ranks have each sum: [s] is the count for sum s, and the
// last element is the largest sum. Counted rank by rank (Streitberg & Roehmel 1986, the
// "shift algorithm"), so ties cost nothing. Counts are exact below 2^53, and only ever
// added: above it they are good to rounding.
std::vector<double> rank_sum_counts(std::span<const std::size_t> ranks, std::size_t chosen);

// Whether rank_sum_counts() is worth its time for samples of n and m: at most some 50 M
// additions (50 and 50). Larger samples are close to normal anyway.
bool exact_is_cheap(std::size_t n, std::size_t m);

// Element u, of n * m + 1: the chance that at most u of the n * m pairs have the head above
// the base when both come from one distribution without ties.
std::vector<double> u_chances(std::size_t n, std::size_t m);

}  // namespace rmaplab
