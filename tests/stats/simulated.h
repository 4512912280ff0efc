// SPDX-License-Identifier: GPL-2.0-only
// Boots with a known truth, the same on every machine.
#pragma once

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "stats/boots.h"
#include "stats/distributions.h"

namespace rmaplab
{

// Logarithms are normal: a boot's level scatters by `between`, repetitions around it by `within`.
struct SimulatedKernel {
  double ratio = 1;  // to a median of 1
  double between = 0.02;
  double within = 0.01;
};

inline double simulated_normal(std::mt19937_64& random)
{
  const double between_0_and_1 = (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53;
  return normal_quantile(between_0_and_1);
}

inline Boots simulated_boots(const SimulatedKernel& kernel, std::size_t boots,
                             std::size_t repetitions, std::mt19937_64& random)
{
  Boots result(boots);
  for (auto& boot : result) {
    const double level = std::log(kernel.ratio) + kernel.between * simulated_normal(random);
    for (std::size_t i = 0; i < repetitions; ++i)
      boot.push_back(std::exp(level + kernel.within * simulated_normal(random)));
  }
  return result;
}

}  // namespace rmaplab
