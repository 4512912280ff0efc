// SPDX-License-Identifier: GPL-2.0-only
// Which moves of a part of a VMA there are, and where their pages lie: every direction, size,
// part and place of a page table's border. Pure, so that a test can hold that none is missing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "conformance/check.h"

namespace rmaplab
{

enum class Part { first, middle, last };  // of its VMA

inline constexpr std::size_t kMostPartPages = 6;
// How many pages of the part lie below a page table's border; this: none is near.
inline constexpr std::size_t kNoBorder = ~std::size_t{0};

struct PartMove {
  bool up = true;  // to a higher address
  std::size_t pages = 1;
  Part part = Part::first;
  std::size_t from_border = kNoBorder;
  std::size_t to_border = kNoBorder;
  // Memory right below the target. Where none is near, a kernel may move the part of a page
  // table that is empty with the rest of it (try_realign_addr() of mm/mremap.c).
  bool neighbour_below = true;
};

// "3 pages up, first of the VMA, border after 1 of the source and 0 of the target".
std::string to_string(const PartMove& move);

// All of them.
std::vector<PartMove> part_moves();
// Every `stride`-th, from the one after `skipped`, so that the plans of all values of `skipped`
// together have each move once. A stride that divides no loop's length leaves every direction,
// size and part in each.
std::vector<PartMove> thinned(const std::vector<PartMove>& moves, std::size_t stride,
                              std::size_t skipped);

// In pages from the begin of the arena.
struct PartPlace {
  Span vma;     // as it was mapped, the part included
  Span part;    // what moves
  Span target;  // as many pages
  Span below;   // of the target; empty for a move without a neighbour there
  Span above;
};

// Slots do not overlap, and each has page tables of its own. A table maps `table_pages`.
PartPlace place_of(const PartMove& move, std::size_t slot, std::size_t table_pages);

// Slots that fit into the lower half of the arena with the largest page tables there are
// (64 KiB pages: 512 MiB).
inline constexpr std::size_t kPartSlots = 15;

// What is in a page before the move.
enum class PageState : std::uint8_t { present, swapped, untouched, zero_page };

enum class PageStates {
  present,    // every page, what stays included
  swapped,    // the same
  untouched,  // the same: a VMA without an anon_vma
  hole,       // the part is untouched, what stays is present
  lone_last,  // of the part the last page alone was touched, and swapped out where there is swap
  mixed,      // as the seed says
};
inline constexpr PageStates kAllPageStates[] = {PageStates::present,   PageStates::swapped,
                                                PageStates::untouched, PageStates::hole,
                                                PageStates::lone_last, PageStates::mixed};
const char* to_string(PageStates states);

// Of each page of place.vma, of the move of that number. Without swap mixed and lone_last have
// no swapped pages.
std::vector<PageState> page_states(PageStates states, const PartPlace& place, std::uint64_t seed,
                                   std::size_t number, bool with_swap);

}  // namespace rmaplab
