// SPDX-License-Identifier: GPL-2.0-only
#include "stats/noisy.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "stats/rank_test.h"

namespace rmaplab
{

std::optional<NoisyEffect> noisy_effect(const Boots& base, const Boots& head, double confidence)
{
  const std::vector<double> from = boot_medians(base);
  const std::vector<double> to = boot_medians(head);
  const auto test = rank_test(from, to);
  const auto shift = shift_of(from, to, confidence);
  if (!test || !shift)
    return std::nullopt;
  return NoisyEffect{.base = *spread_of(from),
                     .head = *spread_of(to),
                     .boots_base = from.size(),
                     .boots_head = to.size(),
                     .p = test->p,
                     .smallest_p = smallest_p(from.size(), to.size()),
                     .shift = *shift,
                     .ratio = ratio_of(from, to, confidence),
                     .logs = log_difference(from, to)};
}

namespace
{
bool beyond(const NoisyEffect& effect, double floor)
{
  if (effect.ratio)
    return std::abs(std::log(effect.ratio->estimate)) > std::log1p(floor);
  return std::abs(effect.shift.estimate) > floor * std::abs(effect.base.median);
}

bool one_value(const NoisyEffect& effect)
{
  return effect.base.min == effect.base.max && effect.head.min == effect.head.max &&
         effect.base.median == effect.head.median;
}
}  // namespace

NoisyVerdict decide_noisy(const NoisyEffect& effect, double adjusted_p, double level, double floor)
{
  if (effect.smallest_p > level)
    return NoisyVerdict::too_few_boots;
  if (adjusted_p <= level && beyond(effect, floor))
    return effect.shift.estimate < 0 ? NoisyVerdict::lower : NoisyVerdict::higher;
  if (one_value(effect) ||
      (effect.logs && equivalence_p(*effect.logs, floor) <= std::min(level, kLevelOfNoChange)))
    return NoisyVerdict::unchanged;
  return NoisyVerdict::undecided;
}

NoisyVerdict decide_noisy_shift(const NoisyEffect& effect, double adjusted_p, double level,
                                double limit)
{
  if (effect.smallest_p > level)
    return NoisyVerdict::too_few_boots;
  if (adjusted_p <= level && std::abs(effect.shift.estimate) > limit)
    return effect.shift.estimate < 0 ? NoisyVerdict::lower : NoisyVerdict::higher;
  const Interval& interval = effect.shift.interval;
  if (one_value(effect) || (interval.low >= -limit && interval.high <= limit))
    return NoisyVerdict::unchanged;
  return NoisyVerdict::undecided;
}

bool inconclusive(NoisyVerdict verdict)
{
  return verdict == NoisyVerdict::undecided || verdict == NoisyVerdict::too_few_boots;
}

}  // namespace rmaplab
