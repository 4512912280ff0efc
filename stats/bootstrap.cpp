// SPDX-License-Identifier: GPL-2.0-only
#include "stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "stats/distributions.h"
#include "stats/shift.h"
#include "stats/values.h"

namespace rmaplab
{

namespace
{
// Uniform in 0 ... count - 1. The library's distributions may map an engine's numbers in
// any way; this one gives the same report from the same seed everywhere.
std::size_t index_below(std::size_t count, std::mt19937_64& random)
{
  constexpr std::uint64_t kAll = std::mt19937_64::max();
  const std::uint64_t fair = kAll - kAll % count;  // a multiple of count
  std::uint64_t drawn = random();
  while (drawn >= fair)
    drawn = random();
  return static_cast<std::size_t>(drawn % count);
}

// Boots drawn with replacement, of each its repetitions drawn with replacement.
std::vector<double> resampled_medians(const Boots& boots, std::mt19937_64& random)
{
  std::vector<double> medians;
  medians.reserve(boots.size());
  std::vector<double> drawn;
  for (std::size_t i = 0; i < boots.size(); ++i) {
    const auto& repetitions = boots[index_below(boots.size(), random)];
    drawn.clear();
    for (std::size_t k = 0; k < repetitions.size(); ++k)
      drawn.push_back(repetitions[index_below(repetitions.size(), random)]);
    medians.push_back(*median_of(drawn));
  }
  return medians;
}

// Only boots that measured something; nothing where a value has no logarithm.
std::optional<Boots> usable(const Boots& boots)
{
  Boots kept;
  for (const auto& repetitions : boots) {
    if (!logs_of(repetitions))
      return std::nullopt;
    if (!repetitions.empty())
      kept.push_back(repetitions);
  }
  if (kept.size() < 2)
    return std::nullopt;
  return kept;
}

// What to cut off each end, so that resampled boots, which spread by (n - 1) / n less than
// the boots they are drawn from, give an interval as wide as Student's.
double expanded_tail(double doubt, std::size_t n, std::size_t m)
{
  const double few = static_cast<double>(std::min(n, m));
  const double t = student_quantile(doubt / 2, static_cast<double>(n + m - 2));
  return normal_cdf(t * std::sqrt(few / (few - 1)));
}
}  // namespace

std::optional<Interval> bootstrap_ratio(const Boots& base, const Boots& head, double confidence,
                                        std::size_t resamples, std::mt19937_64& random)
{
  const auto base_boots = usable(base);
  const auto head_boots = usable(head);
  if (!base_boots || !head_boots || !(confidence > 0 && confidence < 1) ||
      resamples < kFewestResamples)
    return std::nullopt;
  resamples = std::min(resamples, kMostResamples);

  std::vector<double> ratios;
  ratios.reserve(resamples);
  for (std::size_t i = 0; i < resamples; ++i)
    ratios.push_back(*ratio_estimate(resampled_medians(*base_boots, random),
                                     resampled_medians(*head_boots, random)));
  std::sort(ratios.begin(), ratios.end());
  const double cut = expanded_tail(1 - confidence, base_boots->size(), head_boots->size()) *
                     static_cast<double>(resamples + 1);
  const std::size_t order = std::max<std::size_t>(1, static_cast<std::size_t>(cut));
  return Interval{.low = ratios[order - 1], .high = ratios[resamples - order]};
}

}  // namespace rmaplab
