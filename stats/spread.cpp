// SPDX-License-Identifier: GPL-2.0-only
#include "stats/spread.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "stats/values.h"

namespace rmaplab
{

std::optional<Spread> spread_of(std::span<const double> values)
{
  if (values.empty())
    return std::nullopt;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return Spread{.median = *median_of(sorted), .min = sorted.front(), .max = sorted.back()};
}

double mean_of(std::span<const double> values)
{
  if (values.empty())
    return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

namespace
{
bool identical(std::span<const double> a, std::span<const double> b)
{
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}
}  // namespace

Change decide_exact(std::span<const double> base, std::span<const double> head)
{
  const auto left = spread_of(base);
  const auto right = spread_of(head);
  if (!left || !right)
    return Change::within;
  if (identical(base, head) ||
      (left->min == left->max && right->min == right->max && left->median == right->median))
    return Change::identical;
  if (left->median == right->median)
    return right->min >= left->min && right->max <= left->max ? Change::within : Change::overlap;
  return right->median < left->median ? Change::lower : Change::higher;
}

Change decide_deterministic(std::span<const double> base, std::span<const double> head,
                            double floor, double placement)
{
  if (identical(base, head) && !base.empty())
    return Change::identical;
  const auto left = spread_of(base);
  const auto right = spread_of(head);
  if (!left || !right)
    return Change::within;
  const double difference = std::abs(right->median - left->median);
  const bool few = std::min(base.size(), head.size()) < kLeastBoots;
  if (few && difference > 0 && difference <= placement * std::abs(left->median))
    return Change::few;
  if (difference <= floor * std::abs(left->median))
    return Change::within;
  if (right->min <= left->max && left->min <= right->max)
    return Change::overlap;
  return right->median < left->median ? Change::lower : Change::higher;
}

std::optional<double> relative_change(double base, double head)
{
  if (base == head)
    return 0.0;
  if (base == 0)
    return std::nullopt;
  return head / base - 1;
}

}  // namespace rmaplab
