// SPDX-License-Identifier: GPL-2.0-only
#include "stats/equivalence.h"

#include <algorithm>
#include <cmath>

#include "stats/distributions.h"
#include "stats/shift.h"
#include "stats/spread.h"
#include "stats/values.h"

namespace rmaplab
{

namespace
{
// Square of the standard error of a mean; two or more values.
double mean_variance(std::span<const double> values, double mean)
{
  double squares = 0;
  for (const double value : values)
    squares += (value - mean) * (value - mean);
  const double n = static_cast<double>(values.size());
  return squares / (n - 1) / n;
}
}  // namespace

std::optional<LogDifference> log_difference(std::span<const double> base,
                                            std::span<const double> head)
{
  const auto base_logs = logs_of(base);
  const auto head_logs = logs_of(head);
  if (!base_logs || !head_logs || base.size() < 2 || head.size() < 2)
    return std::nullopt;
  const double base_mean = mean_of(*base_logs);
  const double head_mean = mean_of(*head_logs);
  const double v = mean_variance(*base_logs, base_mean);
  const double w = mean_variance(*head_logs, head_mean);
  const double n = static_cast<double>(base.size());
  const double m = static_cast<double>(head.size());
  LogDifference result{.mean = head_mean - base_mean, .standard_error = std::sqrt(v + w)};
  if (v + w > 0)
    result.degrees_of_freedom = (v + w) * (v + w) / (v * v / (n - 1) + w * w / (m - 1));
  return result;
}

double equivalence_p(const LogDifference& difference, double margin)
{
  const double edge = std::log1p(margin);
  const double room = edge - std::abs(difference.mean);  // to the nearer edge
  if (difference.standard_error == 0)
    return room > 0 ? 0 : 1;
  return student_cdf(-room / difference.standard_error, difference.degrees_of_freedom);
}

bool equivalent_by_rank(std::span<const double> base, std::span<const double> head, double margin,
                        double level)
{
  const double confidence = 1 - 2 * level;
  const auto ratio = ratio_of(base, head, confidence);
  return ratio && ratio->confidence >= confidence - 1e-9 &&
         ratio->interval.low > 1 / (1 + margin) && ratio->interval.high < 1 + margin;
}

}  // namespace rmaplab
