// SPDX-License-Identifier: GPL-2.0-only
#include "stats/multiplicity.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>

namespace rmaplab
{

namespace
{
// Positions of the p-values, the smallest first.
std::vector<std::size_t> ascending(std::span<const double> p)
{
  assert(std::all_of(p.begin(), p.end(), [](double value) { return value >= 0 && value <= 1; }));
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  return order;
}
}  // namespace

std::vector<double> holm(std::span<const double> p)
{
  std::vector<double> adjusted(p.size());
  double least = 0;  // a larger p never gets a smaller adjusted one
  std::size_t not_yet_rejected = p.size();
  for (const std::size_t i : ascending(p)) {
    least = std::max(least, std::min(1.0, p[i] * static_cast<double>(not_yet_rejected--)));
    adjusted[i] = least;
  }
  return adjusted;
}

std::vector<double> benjamini_hochberg(std::span<const double> p)
{
  std::vector<double> adjusted(p.size());
  const auto order = ascending(p);
  double most = 1;  // a smaller p never gets a larger adjusted one
  for (std::size_t rank = order.size(); rank > 0; --rank) {
    const std::size_t i = order[rank - 1];
    most = std::min(most, p[i] * static_cast<double>(p.size()) / static_cast<double>(rank));
    adjusted[i] = most;
  }
  return adjusted;
}

}  // namespace rmaplab
