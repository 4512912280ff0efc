// SPDX-License-Identifier: GPL-2.0-only
#include "base/node_list.h"

#include "base/text.h"

namespace rmaplab
{

std::optional<std::vector<int>> parse_node_list(std::string_view text)
{
  std::vector<int> nodes;
  if (text.empty())
    return nodes;
  constexpr std::uint64_t kMostNodes = 1024;  // of every architecture (CONFIG_NODES_SHIFT <= 10)
  for (const auto range : split(text, ',')) {
    const auto dash = range.find('-');
    const auto first = parse_u64(range.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_u64(range.substr(dash + 1));
    if (!first || !last || *first > *last || *last >= kMostNodes)
      return std::nullopt;
    for (auto node = *first; node <= *last; ++node)
      nodes.push_back(static_cast<int>(node));
  }
  return nodes;
}

}  // namespace rmaplab
