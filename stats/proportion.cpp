// SPDX-License-Identifier: GPL-2.0-only
#include "stats/proportion.h"

#include "stats/distributions.h"

namespace rmaplab
{

std::optional<Interval> proportion_interval(std::size_t hits, std::size_t trials, double confidence)
{
  if (hits > trials || !(confidence > 0 && confidence < 1))
    return std::nullopt;
  const double tail = (1 - confidence) / 2;
  const double k = static_cast<double>(hits);
  const double misses = static_cast<double>(trials - hits);
  return Interval{.low = hits == 0 ? 0 : beta_quantile(tail, k, misses + 1),
                  .high = hits == trials ? 1 : beta_quantile(1 - tail, k + 1, misses)};
}

}  // namespace rmaplab
