// SPDX-License-Identifier: GPL-2.0-only
#include "stats/rank_sum.h"

#include <algorithm>
#include <numeric>

namespace rmaplab
{

PooledRanks pooled_ranks(std::span<const double> base, std::span<const double> head)
{
  std::vector<double> pooled(base.begin(), base.end());
  pooled.insert(pooled.end(), head.begin(), head.end());
  std::vector<std::size_t> order(pooled.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return pooled[a] < pooled[b]; });

  std::vector<std::size_t> doubled(pooled.size());
  double tie_term = 0;
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && pooled[order[end]] == pooled[order[first]])
      ++end;
    for (std::size_t i = first; i < end; ++i)
      doubled[order[i]] = first + 1 + end;  // ranks first + 1 ... end
    const double tied = static_cast<double>(end - first);
    tie_term += tied * tied * tied - tied;
    first = end;
  }
  const auto border = doubled.begin() + std::ssize(base);
  return {.base = {doubled.begin(), border}, .head = {border, doubled.end()}, .tie_term = tie_term};
}

std::vector<double> rank_sum_counts(std::span<const std::size_t> ranks, std::size_t chosen)
{
  chosen = std::min(chosen, ranks.size());
  std::vector<std::size_t> descending(ranks.begin(), ranks.end());
  std::sort(descending.rbegin(), descending.rend());
  const std::size_t largest_sum = std::accumulate(
      descending.begin(), descending.begin() + static_cast<std::ptrdiff_t>(chosen), std::size_t{0});

  // ways[k][s]: k of the ranks seen so far have sum s.
  std::vector<std::vector<double>> ways(chosen + 1, std::vector<double>(largest_sum + 1));
  ways[0][0] = 1;
  for (const std::size_t rank : ranks)
    for (std::size_t k = chosen; k > 0; --k)
      for (std::size_t sum = rank; sum <= largest_sum; ++sum)
        ways[k][sum] += ways[k - 1][sum - rank];
  return std::move(ways[chosen]);
}

bool exact_is_cheap(std::size_t n, std::size_t m)
{
  constexpr std::size_t kMostPairs = 2500;
  return n <= kMostPairs && m <= kMostPairs && n * m <= kMostPairs;
}

std::vector<double> u_chances(std::size_t n, std::size_t m)
{
  std::vector<std::size_t> ranks(n + m);
  std::iota(ranks.begin(), ranks.end(), std::size_t{1});
  const std::size_t few = std::min(n, m);  // U has the same distribution for (n, m) and (m, n)
  std::vector<double> counts = rank_sum_counts(ranks, few);
  counts.erase(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(few * (few + 1) / 2));
  std::partial_sum(counts.begin(), counts.end(), counts.begin());
  const double total = counts.back();
  for (double& count : counts)
    count /= total;
  return counts;
}

}  // namespace rmaplab
