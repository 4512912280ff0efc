// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/part_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <tuple>

namespace rmaplab
{

namespace
{
// Of 4, 16 and 64 KiB pages.
constexpr std::size_t kTablePages[] = {512, 2048, 8192};

// Does any page table's border lie at one of the ends of the span or in it?
bool near_border(const Span& span, std::size_t table_pages)
{
  return (span.begin + table_pages - 1) / table_pages <= span.end / table_pages;
}

Span whole(const PartPlace& place)
{
  return {.begin = std::min(place.vma.begin, place.below.begin),
          .end = std::max(place.vma.end, place.above.end)};
}
}  // namespace

TEST(PartPlan, HasEveryDirectionSizePartAndBorderOnce)
{
  std::set<std::tuple<bool, std::size_t, Part, std::size_t, std::size_t, bool>> seen;
  for (const PartMove& m : part_moves())
    EXPECT_TRUE(
        seen.insert({m.up, m.pages, m.part, m.from_border, m.to_border, m.neighbour_below}).second)
        << to_string(m);
  for (const bool up : {true, false})
    for (std::size_t pages = 1; pages <= 6; ++pages)
      for (const Part part : {Part::first, Part::middle, Part::last})
        for (std::size_t from = 0; from <= pages + 1; ++from)
          for (std::size_t to = 0; to <= pages + 1; ++to)
            EXPECT_TRUE(seen.contains({up, pages, part, from > pages ? kNoBorder : from,
                                       to > pages ? kNoBorder : to, true}));
  // 2 directions, 3 parts, (pages + 2) borders of each end; and the first part to a place like
  // its own with nothing below.
  EXPECT_EQ(seen.size(), 6u * (9 + 16 + 25 + 36 + 49 + 64) + 2u * (3 + 4 + 5 + 6 + 7 + 8));
}

TEST(PartPlan, ThinnedPlansHaveEveryDirectionSizeAndPartAndTogetherAll)
{
  const auto all = part_moves();
  std::size_t together = 0;
  for (std::size_t skipped = 0; skipped < 11; ++skipped) {
    std::set<std::tuple<bool, std::size_t, Part>> seen;
    const auto some = thinned(all, 11, skipped);
    for (const PartMove& m : some)
      seen.insert({m.up, m.pages, m.part});
    // Of one page there are nine pairs of borders only: one part may be missing.
    EXPECT_GE(seen.size(), 2u * 6 * 3 - 6) << skipped;
    together += some.size();
  }
  EXPECT_EQ(together, all.size());
}

TEST(PartPlan, PlacesAreWhereTheMoveSays)
{
  for (const std::size_t table : kTablePages)
    for (const PartMove& m : part_moves()) {
      const PartPlace p = place_of(m, 2, table);
      SCOPED_TRACE(to_string(m));
      EXPECT_EQ(p.part.end - p.part.begin, m.pages);
      EXPECT_EQ(p.target.end - p.target.begin, m.pages);
      EXPECT_EQ(m.up, p.target.begin > p.part.begin);
      EXPECT_EQ(p.vma.begin == p.part.begin, m.part == Part::first);
      EXPECT_EQ(p.vma.end == p.part.end, m.part == Part::last);
      if (m.from_border == kNoBorder)
        EXPECT_FALSE(near_border(p.vma, table));
      else
        EXPECT_EQ((p.part.begin + m.from_border) % table, 0u);
      if (m.to_border == kNoBorder)
        EXPECT_FALSE(near_border({.begin = p.below.begin, .end = p.above.end}, table));
      else
        EXPECT_EQ((p.target.begin + m.to_border) % table, 0u);
      EXPECT_EQ(p.below.begin == p.below.end, !m.neighbour_below);
    }
}

TEST(PartPlan, SlotsShareNoPageTable)
{
  for (const std::size_t table : kTablePages)
    for (const PartMove& m : part_moves())
      for (std::size_t slot = 1; slot < kPartSlots; ++slot) {
        const Span one = whole(place_of(m, slot - 1, table));
        for (const PartMove& other : {PartMove{.pages = 6, .from_border = 6, .to_border = 6}, m})
          EXPECT_LT(one.end / table, whole(place_of(other, slot, table)).begin / table);
      }
}

TEST(PartPlan, SlotsFitBelowTheMiddleOfTheArena)
{
  const std::uint64_t half = (kArenaEnd - kArenaBegin) / 2;
  for (const PartMove& m : part_moves())
    EXPECT_LE(whole(place_of(m, kPartSlots - 1, 8192)).end * (std::uint64_t{64} << 10), half);
}

TEST(PartPlan, MixedPagesHaveEveryState)
{
  std::set<PageState> seen;
  const auto moves = part_moves();
  for (std::size_t number = 0; number < moves.size(); ++number) {
    const PartPlace p = place_of(moves[number], 0, 512);
    const auto states = page_states(PageStates::mixed, p, 1, number, true);
    ASSERT_EQ(states.size(), p.vma.end - p.vma.begin);
    seen.insert(states.begin(), states.end());
  }
  EXPECT_EQ(seen.size(), 4u);
}

TEST(PartPlan, MixedPagesWithoutSwapAreNeverSwapped)
{
  for (std::size_t number = 0; number < 100; ++number)
    for (const PageState state :
         page_states(PageStates::mixed, place_of({.pages = 6}, 0, 512), 1, number, false))
      EXPECT_NE(state, PageState::swapped);
}

TEST(PartPlan, ALoneLastPageIsTheOnlyOneOfItsPart)
{
  const PartPlace p = place_of({.pages = 3, .part = Part::middle}, 0, 512);
  std::vector<PageState> expected = {PageState::present,   PageState::present, PageState::untouched,
                                     PageState::untouched, PageState::swapped, PageState::present,
                                     PageState::present};
  EXPECT_EQ(page_states(PageStates::lone_last, p, 1, 0, true), expected);
  expected[4] = PageState::present;
  EXPECT_EQ(page_states(PageStates::lone_last, p, 1, 0, false), expected);
}

TEST(PartPlan, AHoleIsWhatMovesAlone)
{
  const PartPlace p = place_of({.pages = 2, .part = Part::middle}, 0, 512);
  const std::vector<PageState> expected = {PageState::present,   PageState::present,
                                           PageState::untouched, PageState::untouched,
                                           PageState::present,   PageState::present};
  EXPECT_EQ(page_states(PageStates::hole, p, 1, 0, true), expected);
}

}  // namespace rmaplab
