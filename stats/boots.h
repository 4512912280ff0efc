// SPDX-License-Identifier: GPL-2.0-only
// Repetitions by boot. A boot of a kernel is the unit of replication: its repetitions share
// what only booting again draws anew (where memory lies, what the slabs hold, which clock
// the CPU settled on), so they tell less of another boot than their number promises.
// Kalibera & Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013: replicate at
// the highest level that varies.
#pragma once

#include <vector>

namespace rmaplab
{

// One side of a comparison: each inner vector the repetitions of one boot.
using Boots = std::vector<std::vector<double>>;

// One value a boot: the median, so that a few repetitions that were interrupted do not
// speak for it. A boot without repetitions measured nothing and is left out.
std::vector<double> boot_medians(const Boots& boots);

}  // namespace rmaplab
