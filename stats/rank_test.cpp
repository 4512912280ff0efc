// SPDX-License-Identifier: GPL-2.0-only
#include "stats/rank_test.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "stats/distributions.h"
#include "stats/rank_sum.h"
#include "stats/values.h"

namespace rmaplab
{

namespace
{
std::size_t sum_of(const std::vector<std::size_t>& ranks)
{
  return std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
}

double exact_p(const PooledRanks& ranks)
{
  const auto& few = ranks.base.size() < ranks.head.size() ? ranks.base : ranks.head;
  std::vector<std::size_t> all = ranks.base;
  all.insert(all.end(), ranks.head.begin(), ranks.head.end());
  const auto counts = rank_sum_counts(all, few.size());

  const auto seen = counts.begin() + static_cast<std::ptrdiff_t>(sum_of(few));
  const double below = std::accumulate(counts.begin(), seen, 0.0);
  const double above = std::accumulate(seen + 1, counts.end(), 0.0);
  const double tail = std::min(below, above) + *seen;
  return std::min(1.0, 2 * tail / (below + *seen + above));
}

double normal_p(double u, double n, double m, double tie_term)
{
  const double all = n + m;
  const double variance = n * m / 12 * (all + 1 - tie_term / (all * (all - 1)));
  if (variance <= 0)
    return 1;  // all values equal
  const double distance = std::max(0.0, std::abs(u - n * m / 2) - 0.5);
  return std::min(1.0, 2 * normal_cdf(-distance / std::sqrt(variance)));
}
}  // namespace

std::optional<RankTest> rank_test(std::span<const double> base, std::span<const double> head)
{
  if (base.empty() || head.empty() || !all_finite(base) || !all_finite(head))
    return std::nullopt;
  const PooledRanks ranks = pooled_ranks(base, head);
  const double n = static_cast<double>(base.size());
  const double m = static_cast<double>(head.size());
  const double u = static_cast<double>(sum_of(ranks.head)) / 2 - m * (m + 1) / 2;
  if (exact_is_cheap(base.size(), head.size()))
    return RankTest{.u = u, .p = exact_p(ranks), .method = RankMethod::exact};
  return RankTest{.u = u, .p = normal_p(u, n, m, ranks.tie_term), .method = RankMethod::normal};
}

double smallest_p(std::size_t n, std::size_t m)
{
  const std::size_t few = std::min(n, m);
  double ways = 1;  // C(n + m, few), multiplied up so that each step is a whole number
  for (std::size_t i = 1; i <= few && std::isfinite(ways); ++i)
    ways = ways * static_cast<double>(n + m - few + i) / static_cast<double>(i);
  return std::min(1.0, 2 / ways);
}

std::size_t boots_needed(double level, std::size_t metrics)
{
  if (!(level > 0))
    return 0;
  std::size_t boots = 1;
  while (smallest_p(boots, boots) * static_cast<double>(metrics) > level)
    ++boots;
  return boots;
}

}  // namespace rmaplab
