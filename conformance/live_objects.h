// SPDX-License-Identifier: GPL-2.0-only
// Objects of the reverse mapping before and after a check: what it left behind.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace rmaplab
{

// Of each of kRmapCaches, where it can be read; of none outside a guest of the lab, since the
// caches are the machine's: `limit/*` in a second rmaplab alone makes and frees 65 000. Takes
// 50 ms and root.
using LiveObjects = std::vector<std::optional<std::int64_t>>;
LiveObjects live_objects();

// Not ok, with the cache's name, where `slack` objects or more are there than `before`.
void expect_none_left(const LiveObjects& before, std::int64_t slack);

}  // namespace rmaplab
