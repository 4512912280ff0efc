// SPDX-License-Identifier: GPL-2.0-only
#include "stats/visible_change.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "stats/distributions.h"
#include "stats/rank_sum.h"
#include "stats/rank_test.h"
#include "stats/spread.h"
#include "stats/values.h"

namespace rmaplab
{

namespace
{
// Two or more values.
double standard_deviation(std::span<const double> values)
{
  const double mean = mean_of(values);
  double squares = 0;
  for (const double value : values)
    squares += (value - mean) * (value - mean);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

// The largest two-sided p at or below the level that n values a side can have. The level
// must be reachable.
double reached_level(std::size_t n, double level)
{
  if (!exact_is_cheap(n, n))
    return level;  // the steps are too small to matter
  double reached = smallest_p(n, n);
  for (const double chance : u_chances(n, n)) {
    if (2 * chance > level)
      break;
    reached = 2 * chance;
  }
  return reached;
}
}  // namespace

std::optional<double> smallest_visible_deterministic(std::span<const double> values, double floor)
{
  if (!all_finite(values))
    return std::nullopt;
  const auto spread = spread_of(values);
  if (!spread || spread->median == 0)
    return std::nullopt;
  return std::max(floor, (spread->max - spread->min) / std::abs(spread->median));
}

std::optional<double> smallest_visible_noisy(std::span<const double> values, const NoisyPlan& plan)
{
  const auto logs = logs_of(values);
  const double level = plan.level / static_cast<double>(std::max<std::size_t>(1, plan.metrics));
  if (!logs || logs->size() < 2 || smallest_p(plan.boots, plan.boots) > level)
    return std::nullopt;
  const double n = static_cast<double>(plan.boots);
  const double degrees_of_freedom = 2 * n - 2;
  const double standard_error =
      standard_deviation(*logs) * std::sqrt(2 / n) * std::sqrt(std::numbers::pi / 3);
  const double for_power = student_quantile(plan.power, degrees_of_freedom) * standard_error;
  const double for_test =
      student_quantile(1 - reached_level(plan.boots, level) / 2, degrees_of_freedom) *
      standard_error;
  return std::expm1(for_power + std::max(for_test, std::log1p(plan.floor)));
}

}  // namespace rmaplab
