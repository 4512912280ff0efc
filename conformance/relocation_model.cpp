// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/relocation_model.h"

#include <fmt/format.h>

#include <cassert>

namespace rmaplab
{

namespace
{

// Choices already made and those to come: bit i is the i-th choice, set for the upper one.
using Choices = std::uint32_t;

struct Joined {
  Layout layout;
  unsigned choices = 0;  // there were
};

Joined join(const Order& order, Choices upper)
{
  std::vector<std::size_t> group(order.size() + 2, 0);  // of place p at p + 1; 0: nothing there
  std::size_t groups = 0;
  Joined joined;
  for (const std::size_t place : order) {
    const std::size_t below = group[place];
    const std::size_t above = group[place + 2];
    std::size_t& own = group[place + 1];
    if (below != 0 && above != 0 && below != above)
      own = upper >> joined.choices++ & 1 ? above : below;
    else if (below != 0 || above != 0)
      own = below != 0 ? below : above;
    else
      own = ++groups;
  }
  for (std::size_t p = 0; p < order.size(); ++p) {
    if (p == 0 || group[p + 1] != group[p])
      joined.layout.push_back({p, p});
    joined.layout.back().end = p + 1;
  }
  return joined;
}

std::string times(unsigned count)
{
  return count == 1 ? "once" : count == 2 ? "twice" : fmt::format("{} times", count);
}

}  // namespace

Layout joined_lower(const Order& order)
{
  return join(order, 0).layout;
}

Layout joined_upper(const Order& order)
{
  return join(order, ~Choices{0}).layout;
}

std::optional<std::string> choices_of(const Order& order, const Layout& found)
{
  assert(order.size() <= kMostPieces);
  for (Choices upper = 0; upper < Choices{1} << kMostPieces; ++upper) {
    const Joined joined = join(order, upper);
    if (upper >> joined.choices != 0)
      break;  // more choices than there were
    if (joined.layout != found)
      continue;
    unsigned above = 0;
    for (unsigned i = 0; i < joined.choices; ++i)
      above += upper >> i & 1;
    const unsigned below = joined.choices - above;
    if (joined.choices == 0)
      return "no piece had a choice";
    if (above == 0)
      return "the lower neighbour " + times(below);
    if (below == 0)
      return "the upper neighbour " + times(above);
    return fmt::format("the lower neighbour {}, the upper one {}", times(below), times(above));
  }
  return std::nullopt;
}

}  // namespace rmaplab
