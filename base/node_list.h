// SPDX-License-Identifier: GPL-2.0-only
// Lists of NUMA nodes, as the kernel writes them.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace rmaplab
{

// Pure. "0-1,4": how /sys/devices/system/node and /proc/self/status write nodes.
std::optional<std::vector<int>> parse_node_list(std::string_view text);

}  // namespace rmaplab
