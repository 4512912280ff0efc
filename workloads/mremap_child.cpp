// SPDX-License-Identifier: GPL-2.0-only
// mremap_child: a forked process moves VMAs whose AVC chains are L long, away or home beside
// unfaulted ones.
//
// Sharing: a chain of L processes, all alive. The first maps K VMAs of two pages and writes both,
// the last writes the first page of each: of a VMA's pages one is its own, one belongs to all.
// place=away: it moves them to empty places. place=home: it has done so, and moves them back, where
// an unfaulted VMA waits just before each.
// Kernel: copy_vma() > anon_vma_clone() of L AVCs (remap), move_page_tables(), unlink_anon_vmas().
// Whatever a VMA's address is, its pages are found by their index and its chain: the copy keeps
// both, or walks from the page that all share miss it (rmap_faults). At home nothing merges: a VMA
// that was forked stays apart from unfaulted memory (Linux commit 3b617fd3d317 "mm/vma: enforce VMA
// fork limit on unfaulted,faulted mremap merge too"): children_apart are those that do. Series 1,
// patches 4, 8 and 9; series 2 declines to relocate such VMAs. In the time is one futex wake and
// the wait for another. Figures are per move.
// Not measured: the forks, the writes, of place=home the way out.
#include "workloads/descendant.h"
#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/told.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

enum Place : std::int64_t { away, home };

constexpr std::size_t kPages = 2;
constexpr std::size_t kSlotPages = 3 * kPages;  // unfaulted, home, hole
constexpr Mark kChilds{.generation = 1, .writer = 1};

class Child
{
 public:
  Child(const Arena& arena, const Mover& mover, std::size_t moves)
      : arena_(arena), mover_(mover), moves_(moves)
  {
  }

  Result<> build() const
  {
    return each([this](std::size_t i) -> Result<> {
      if (auto mapped = arena_.map(home_of(i), kPages); !mapped)
        return mapped;
      touch(home_of(i), kPages);
      return ok();
    });
  }

  Result<> prepare(Place place) const
  {
    // The first call of a process has its symbol looked up, which is nobody's move. Refused.
    mover_.move(home_of(0), away_of(0), 0);
    return each([this, place](std::size_t i) -> Result<> {
      touch(home_of(i), 1, kChilds);
      if (place == away)
        return ok();
      if (!mover_.move(home_of(i), away_of(i), bytes()))
        return os_error("move away");
      return arena_.map(home_of(i) - bytes(), kPages);
    });
  }

  Result<> act(Place place) const
  {
    return each([this, place](std::size_t i) -> Result<> {
      const bool moved = place == home ? mover_.move(away_of(i), home_of(i), bytes())
                                       : mover_.move(home_of(i), away_of(i), bytes());
      return moved ? ok() : Result<>(os_error("move"));
    });
  }

  Result<> check(Place place) const
  {
    return each([this, place](std::size_t i) -> Result<> {
      char* const at = place == home ? home_of(i) : away_of(i);
      if (auto own = check_pages(at, 1, home_of(i), kChilds); !own)
        return own;
      if (auto shared = check_pages(at + page_size(), 1, home_of(i) + page_size()); !shared)
        return shared;
      return place == home ? check_zero_pages(home_of(i) - bytes(), kPages) : ok();
    });
  }

  // How many of our VMAs, at home, are not one with the unfaulted memory in front of them.
  Result<double> count_apart() const
  {
    const auto spans = arena_spans();
    if (!spans)
      return spans.error();
    double apart = 0;
    for (std::size_t i = 0; i < moves_; ++i)
      apart += span_of(*spans, home_of(i)) != span_of(*spans, home_of(i) - bytes()) ? 1 : 0;
    return apart;
  }

 private:
  static std::size_t bytes() { return kPages * page_size(); }
  char* home_of(std::size_t i) const { return arena_.at(i * kSlotPages + kPages); }
  char* away_of(std::size_t i) const { return arena_.at((2 * moves_ + i) * kSlotPages); }
  template <typename Action>
  Result<> each(const Action& action) const
  {
    for (std::size_t i = 0; i < moves_; ++i)
      if (auto done = action(i); !done)
        return done;
    return ok();
  }
  const Arena& arena_;
  const Mover& mover_;
  std::size_t moves_;
};

void run(benchmark::State& state, Meter& meter)
{
  if (state.range(0) < 1 || state.range(1) < 2)
    return meter.fail(state, {.code = Errc::unsupported,
                              .context = "at least one move, and chains of 2: a fork"});
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(way::plain);
  if (!mover)
    return meter.fail(state, mover.error());
  const Child child(*arena, *mover, range_of(state, 0));
  auto told = Told::create();
  if (!told)
    return meter.fail(state, told.error());
  const Place place{state.range(2)};
  const bool counts = meter.observing() && place == home;
  const auto check = [&]() -> Result<> {
    if (counts) {
      const auto apart = child.count_apart();
      if (!apart)
        return apart.error();
      told->number(0) = *apart;
    }
    return child.check(place);
  };
  time_descendant(state, meter,
                  {.chain = range_of(state, 1),
                   .build = [&] { return child.build(); },
                   .prepare = [&] { return child.prepare(place); },
                   .act = [&] { return child.act(place); },
                   .check = check});
  if (counts)
    meter.outcome("children_apart", told->number(0));
}

}  // namespace

const Workload mremap_child{
    .name = "mremap_child",
    .summary = "a forked process moves its VMAs: pages shared with its parents must be found",
    .kernel_path = "copy_vma, anon_vma_clone (remap), move_page_tables, unlink_anon_vmas",
    .patches = "series 1: 4, 8, 9; series 2: control",
    .item = "move",
    .arguments = {{.name = "moves"},
                  {.name = "chain"},
                  {.name = "place", .labels = {"away", "home"}}},
    .quick = {{16, 2, away}, {16, 3, away}, {16, 2, home}, {16, 3, home}},
    .full = {{16, 2, away},
             {16, 3, away},
             {16, 8, away},
             {100, 2, away},
             {100, 16, away},
             {16, 2, home},
             {16, 3, home},
             {100, 2, home},
             {100, 16, home}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[1] * (64 + 8 * v[0]); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (1 + v[1]) * (kProcessPages + 8 * v[0]);
    },
    .run = run,
    .core = true,
    .late = true,
};

}  // namespace rmaplab
