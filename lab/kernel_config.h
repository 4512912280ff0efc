// SPDX-License-Identifier: GPL-2.0-only
// Kconfig text: fragments on top of one another, and whether the kernel took what they want.
// Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace rmaplab
{

// What a .config or a fragment sets: "NUMA_EMU" -> "y"; "n" for "# CONFIG_X is not set".
std::map<std::string, std::string> config_options(std::string_view text);

// `base` with the options of `fragment` in the place of its own.
std::string merge_config(std::string_view base, std::string_view fragment);

// Options that `wanted` sets and `final_config`, after `make olddefconfig`, has otherwise:
// "LOCK_STAT: wanted y, is n", sorted. An option wanted off that is absent is as wanted.
std::vector<std::string> refused_options(std::string_view wanted, std::string_view final_config);

// Whether it is a whole configuration, as the kernel's own tools write it, and no fragment.
bool is_whole_config(std::string_view text);

}  // namespace rmaplab
