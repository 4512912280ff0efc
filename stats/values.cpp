// SPDX-License-Identifier: GPL-2.0-only
#include "stats/values.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace rmaplab
{

bool all_finite(std::span<const double> values)
{
  return std::all_of(values.begin(), values.end(),
                     [](double value) { return std::isfinite(value); });
}

std::optional<double> median_of(std::span<const double> values)
{
  if (values.empty())
    return std::nullopt;
  // NaN has no place in an order, and the library may run past the end looking for one.
  for (const double value : values)
    if (std::isnan(value))
      return value;
  std::vector<double> partly_sorted(values.begin(), values.end());
  const auto middle = partly_sorted.begin() + std::ssize(partly_sorted) / 2;
  std::nth_element(partly_sorted.begin(), middle, partly_sorted.end());
  if (values.size() % 2)
    return *middle;
  return (*std::max_element(partly_sorted.begin(), middle) + *middle) / 2;
}

std::optional<std::vector<double>> logs_of(std::span<const double> values)
{
  std::vector<double> logs;
  logs.reserve(values.size());
  for (const double value : values) {
    if (!(value > 0) || !std::isfinite(value))
      return std::nullopt;
    logs.push_back(std::log(value));
  }
  return logs;
}

}  // namespace rmaplab
