// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/part_plan.h"

#include <random>

namespace rmaplab
{

namespace
{

constexpr std::size_t kStayingPages = 2;  // of the VMA, on each side of the part
constexpr std::size_t kNeighbourPages = 2;
constexpr std::size_t kBlocksOfSlot = 4;

std::string border_text(std::size_t border)
{
  return border == kNoBorder ? "no border" : fmt::format("a border after {}", border);
}

// First page of `pages` pages of which `border` lie below the n-th border of a slot.
std::size_t begin_at(std::size_t border, std::size_t slot, std::size_t n, std::size_t table_pages)
{
  const std::size_t at = (slot * kBlocksOfSlot + n) * table_pages;
  return border == kNoBorder ? at + table_pages / 2 : at - border;
}

Span vma_around(const Span& part, Part which)
{
  return {.begin = part.begin - (which == Part::first ? 0 : kStayingPages),
          .end = part.end + (which == Part::last ? 0 : kStayingPages)};
}

PageState random_state(std::mt19937_64& random, bool with_swap)
{
  constexpr PageState kWithout[] = {PageState::present, PageState::untouched, PageState::zero_page};
  constexpr PageState kWith[] = {PageState::present, PageState::swapped, PageState::untouched,
                                 PageState::zero_page};
  const auto value = random();
  return with_swap ? kWith[value % std::size(kWith)] : kWithout[value % std::size(kWithout)];
}

}  // namespace

std::string to_string(const PartMove& move)
{
  constexpr const char* kParts[] = {"first", "middle", "last"};
  return fmt::format("{} page{} {}, {} of the VMA, {} in the source, {} in the target{}",
                     move.pages, move.pages == 1 ? "" : "s", move.up ? "up" : "down",
                     kParts[static_cast<std::size_t>(move.part)], border_text(move.from_border),
                     border_text(move.to_border), move.neighbour_below ? "" : ", nothing below it");
}

std::vector<PartMove> part_moves()
{
  std::vector<PartMove> moves;
  const auto borders_of = [](std::size_t pages) {
    std::vector<std::size_t> borders = {kNoBorder};
    for (std::size_t below = 0; below <= pages; ++below)
      borders.push_back(below);
    return borders;
  };
  for (const bool up : {true, false})
    for (std::size_t pages = 1; pages <= kMostPartPages; ++pages)
      for (const Part part : {Part::first, Part::middle, Part::last})
        for (const std::size_t from : borders_of(pages))
          for (const std::size_t to : borders_of(pages)) {
            PartMove move = {
                .up = up, .pages = pages, .part = part, .from_border = from, .to_border = to};
            moves.push_back(move);
            move.neighbour_below = false;
            if (part == Part::first && from == to)
              moves.push_back(move);
          }
  return moves;
}

std::vector<PartMove> thinned(const std::vector<PartMove>& moves, std::size_t stride,
                              std::size_t skipped)
{
  std::vector<PartMove> some;
  for (std::size_t i = skipped % stride; i < moves.size(); i += stride)
    some.push_back(moves[i]);
  return some;
}

PartPlace place_of(const PartMove& move, std::size_t slot, std::size_t table_pages)
{
  const std::size_t low = 1;
  const std::size_t high = 3;
  const std::size_t from = begin_at(move.from_border, slot, move.up ? low : high, table_pages);
  const std::size_t to = begin_at(move.to_border, slot, move.up ? high : low, table_pages);
  PartPlace place;
  place.part = {.begin = from, .end = from + move.pages};
  place.vma = vma_around(place.part, move.part);
  place.target = {.begin = to, .end = to + move.pages};
  place.below = {.begin = to - (move.neighbour_below ? kNeighbourPages : 0), .end = to};
  place.above = {.begin = place.target.end, .end = place.target.end + kNeighbourPages};
  return place;
}

const char* to_string(PageStates states)
{
  switch (states) {
    case PageStates::present:
      return "present";
    case PageStates::swapped:
      return "swapped";
    case PageStates::untouched:
      return "untouched";
    case PageStates::hole:
      return "hole";
    case PageStates::lone_last:
      return "lone_last";
    case PageStates::mixed:
      return "mixed";
  }
  return "";
}

std::vector<PageState> page_states(PageStates states, const PartPlace& place, std::uint64_t seed,
                                   std::size_t number, bool with_swap)
{
  std::mt19937_64 random(seed * 100'003 + number);
  std::vector<PageState> all;
  for (std::size_t page = place.vma.begin; page < place.vma.end; ++page) {
    const bool moves = page >= place.part.begin && page < place.part.end;
    switch (states) {
      case PageStates::present:
        all.push_back(PageState::present);
        break;
      case PageStates::swapped:
        all.push_back(PageState::swapped);
        break;
      case PageStates::untouched:
        all.push_back(PageState::untouched);
        break;
      case PageStates::hole:
        all.push_back(moves ? PageState::untouched : PageState::present);
        break;
      case PageStates::lone_last:
        all.push_back(!moves                       ? PageState::present
                      : page + 1 != place.part.end ? PageState::untouched
                      : with_swap                  ? PageState::swapped
                                                   : PageState::present);
        break;
      case PageStates::mixed:
        all.push_back(random_state(random, with_swap));
        break;
    }
  }
  return all;
}

}  // namespace rmaplab
