// SPDX-License-Identifier: GPL-2.0-only
// Class noisy: the whole rule. In steps, as the correction for many metrics needs the
// p-values of all of them:
//   1. noisy_effect() of each metric;
//   2. holm() (gate) or benjamini_hochberg() (exploring) over their p;
//   3. decide_noisy() of each with its adjusted p.
#pragma once

#include <cstddef>
#include <optional>

#include "stats/boots.h"
#include "stats/equivalence.h"
#include "stats/shift.h"
#include "stats/spread.h"

namespace rmaplab
{

// All of it from one value a boot, the median of its repetitions.
struct NoisyEffect {
  Spread base;
  Spread head;
  std::size_t boots_base = 0;  // with at least one repetition
  std::size_t boots_head = 0;
  double p = 1;                       // rank_test()
  double smallest_p = 1;              // what so many boots can reach at best
  Shift shift;                        // head - base, in the metric's unit
  std::optional<Shift> ratio;         // head / base; nothing unless all medians are positive
  std::optional<LogDifference> logs;  // likewise, and for two boots a side or more
};

// Nothing where a side has no boot with repetitions, a median is not finite, or `confidence`
// (of the intervals) is not between 0 and 1.
std::optional<NoisyEffect> noisy_effect(const Boots& base, const Boots& head, double confidence);

enum class NoisyVerdict {
  lower,
  higher,
  unchanged,      // shown, not assumed: a change beyond the floor is ruled out
  undecided,      // neither a change nor its absence was shown: more boots may tell
  too_few_boots,  // so few that no values whatever could have been called changed
};

// Of a claim that nothing changed, the chance that it is wrong, however many false alarms a policy
// puts up with: a higher level does not make less of a proof.
inline constexpr double kLevelOfNoChange = 0.05;

// `level` is the accepted chance of a false alarm (0.05), `floor` the relative change that
// nobody cares about (0.02 is 2 %), both fixed before the boots. In this order:
//
// - too_few_boots where smallest_p is above the level. Never a pass.
// - lower, higher: adjusted_p is at or below the level and the estimated ratio is beyond
//   1 / (1 + floor) ... 1 + floor. Without a ratio (zeros) the estimated shift is beyond
//   floor times the base's median; from a median of 0 every shift is.
// - unchanged: equivalence_p() for the floor is at or below the level and kLevelOfNoChange, or
// every boot of both
//   sides has one and the same value. Not adjusted for many metrics: "nothing
//   changed" needs every single claim to hold (an intersection-union test, Berger 1982).
// - undecided otherwise: also a real difference of unclear size, and boots that would do for
//   one metric but not for so many (boots_needed() tells beforehand).
NoisyVerdict decide_noisy(const NoisyEffect& effect, double adjusted_p, double level, double floor);

// The same by a limit in the metric's unit, which needs no base that is not 0: lower, higher where
// the estimated shift is beyond it, unchanged where the shift's whole interval is within.
NoisyVerdict decide_noisy_shift(const NoisyEffect& effect, double adjusted_p, double level,
                                double limit);

// Neither changed nor shown to be unchanged: what a gate may not pass.
bool inconclusive(NoisyVerdict verdict);

}  // namespace rmaplab
