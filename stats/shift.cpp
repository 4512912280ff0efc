// SPDX-License-Identifier: GPL-2.0-only
#include "stats/shift.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "stats/distributions.h"
#include "stats/rank_sum.h"
#include "stats/values.h"

namespace rmaplab
{

namespace
{
std::vector<double> differences(std::span<const double> base, std::span<const double> head)
{
  std::vector<double> result;
  result.reserve(base.size() * head.size());
  for (const double from : base)
    for (const double to : head)
      result.push_back(to - from);
  return result;
}

// The interval runs from the `order`-th smallest difference to the `order`-th largest.
struct Ends {
  std::size_t order = 1;
  double confidence = 0;
};

Ends exact_ends(std::size_t n, std::size_t m, double doubt)
{
  const auto chances = u_chances(n, m);
  std::size_t order = 1;
  // With room for rounding: 1 - 0.8 is a little less than the 0.2 that three a side reach.
  while (2 * chances[order] <= doubt * (1 + 1e-9))
    ++order;
  return {.order = order, .confidence = std::max(0.0, 1 - 2 * chances[order - 1])};
}

Ends normal_ends(std::size_t n, std::size_t m, double doubt)
{
  const double pairs = static_cast<double>(n) * static_cast<double>(m);
  const double sigma = std::sqrt(pairs * (static_cast<double>(n + m) + 1) / 12);
  const double wanted = std::floor(pairs / 2 + normal_quantile(doubt / 2) * sigma + 0.5);
  const double order = std::max(1.0, wanted);
  return {.order = static_cast<std::size_t>(order),
          .confidence = 1 - 2 * normal_cdf((order - 0.5 - pairs / 2) / sigma)};
}
}  // namespace

std::optional<Shift> shift_of(std::span<const double> base, std::span<const double> head,
                              double confidence)
{
  if (base.empty() || head.empty() || !all_finite(base) || !all_finite(head))
    return std::nullopt;
  if (!(confidence > 0 && confidence < 1))
    return std::nullopt;
  const std::size_t n = base.size();
  const std::size_t m = head.size();
  const Ends ends =
      exact_is_cheap(n, m) ? exact_ends(n, m, 1 - confidence) : normal_ends(n, m, 1 - confidence);
  std::vector<double> sorted = differences(base, head);
  std::sort(sorted.begin(), sorted.end());
  return Shift{.estimate = *median_of(sorted),
               .interval = {.low = sorted[ends.order - 1], .high = sorted[n * m - ends.order]},
               .confidence = ends.confidence};
}

std::optional<Shift> ratio_of(std::span<const double> base, std::span<const double> head,
                              double confidence)
{
  const auto base_logs = logs_of(base);
  const auto head_logs = logs_of(head);
  if (!base_logs || !head_logs)
    return std::nullopt;
  auto shift = shift_of(*base_logs, *head_logs, confidence);
  if (!shift)
    return std::nullopt;
  return Shift{
      .estimate = std::exp(shift->estimate),
      .interval = {.low = std::exp(shift->interval.low), .high = std::exp(shift->interval.high)},
      .confidence = shift->confidence};
}

std::optional<double> ratio_estimate(std::span<const double> base, std::span<const double> head)
{
  const auto base_logs = logs_of(base);
  const auto head_logs = logs_of(head);
  if (!base_logs || !head_logs || base.empty() || head.empty())
    return std::nullopt;
  return std::exp(*median_of(differences(*base_logs, *head_logs)));
}

}  // namespace rmaplab
