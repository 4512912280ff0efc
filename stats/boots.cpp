// SPDX-License-Identifier: GPL-2.0-only
#include "stats/boots.h"

#include "stats/values.h"

namespace rmaplab
{

std::vector<double> boot_medians(const Boots& boots)
{
  std::vector<double> medians;
  for (const auto& repetitions : boots)
    if (const auto median = median_of(repetitions))
      medians.push_back(*median);
  return medians;
}

}  // namespace rmaplab
