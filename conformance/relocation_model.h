// SPDX-License-Identifier: GPL-2.0-only
// Which VMAs pieces become that are moved with MREMAP_RELOCATE_ANON beside each other. Pure.
//
// A piece joins the anon_vma of the neighbour that is there; two that were begun apart from
// each other stay apart. Between two of different anon_vmas the interface leaves the choice,
// so each kernel may take the lower or the upper one, now this, now that.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "conformance/check.h"

namespace rmaplab
{

// Places in the order in which they are filled, 0 to N-1, each once.
using Order = std::vector<std::size_t>;

// At most this many pieces: each place between two others doubles the layouts that are right.
inline constexpr std::size_t kMostPieces = 16;

// What the choices were, for a person, when `found` is what some choices lead to: "no piece had
// a choice", "the lower neighbour 3 times", "the lower neighbour once, the upper one twice".
// Nothing: no choice leads there.
std::optional<std::string> choices_of(const Order& order, const Layout& found);
// The layout when the lower neighbour is always taken.
Layout joined_lower(const Order& order);
Layout joined_upper(const Order& order);

}  // namespace rmaplab
