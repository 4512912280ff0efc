// SPDX-License-Identifier: GPL-2.0-only
// Whether the reverse mapping still finds where pages are mapped. Data may be intact and
// the rmap broken: only a page that is to leave its place shows it.
#pragma once

#include <cstddef>

namespace rmaplab
{

// Moves the pages to another node and back, and to swap and back, as far as the machine has
// them; a skip where it has neither. The pages must be present, private and anonymous, and
// mapped by this process alone.
void expect_reachable(char* at, std::size_t pages);

}  // namespace rmaplab
