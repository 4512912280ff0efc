// SPDX-License-Identifier: GPL-2.0-only
// mremap_beside: K faulted VMAs of four pages are each moved next to a neighbour.
//
// Sharing: each VMA and each faulted neighbour has an anon_vma of its own. way=plain keeps
// the page offset of the old place, so nothing merges whatever the neighbour is; a relocated
// VMA merges with an unfaulted neighbour, and with a faulted one by taking over its anon_vma.
// Before 6.16 an unfaulted neighbour merges with nothing faulted (mremap_home says why).
// Between two faulted neighbours (faulted_both) with an anon_vma each, it can merge with one.
// Kernel: copy_vma() > vma_merge_copied_range(), anon_vma_clone() (remap),
// move_page_tables(), unlink_anon_vmas(); what series 2 adds is a merge there, and
// vma_prepare(), vma_complete(). Series 1, patches 8 and 9. Figures are per move;
// moves_merged and moves_relocated say what came of it.
// Not measured: mapping and touching all three.
#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

enum Neighbour : std::int64_t {
  none,
  faulted_prev,
  faulted_next,
  faulted_both,
  unfaulted_prev,
  unfaulted_next,
  unfaulted_both
};

constexpr std::size_t kPages = 4;
constexpr std::size_t kSlotPages = 4 * kPages;  // previous, target, next, hole

bool has_prev(Neighbour n)
{
  return n != none && n != faulted_next && n != unfaulted_next;
}
bool has_next(Neighbour n)
{
  return n != none && n != faulted_prev && n != unfaulted_prev;
}
bool is_faulted(Neighbour n)
{
  return n == faulted_prev || n == faulted_next || n == faulted_both;
}

class Beside
{
 public:
  Beside(const Arena& arena, std::size_t moves, Neighbour neighbour)
      : arena_(arena), moves_(moves), neighbour_(neighbour)
  {
  }

  Result<> build() const
  {
    if (auto mapped = arena_.map_islands(moves_, kPages); !mapped)
      return mapped;
    for (std::size_t i = 0; i < moves_; ++i) {
      touch(arena_.island(i, kPages), kPages);
      for (char* const at : {to(i) - bytes(), to(i) + bytes()}) {
        if (at < to(i) ? !has_prev(neighbour_) : !has_next(neighbour_))
          continue;
        if (auto mapped = arena_.map(at, kPages); !mapped)
          return mapped;
        if (is_faulted(neighbour_))
          touch(at, kPages);
      }
    }
    return ok();
  }

  bool move_all(const Mover& mover) const
  {
    for (std::size_t i = 0; i < moves_; ++i)
      if (!mover.move(arena_.island(i, kPages), to(i), bytes()))
        return false;
    return true;
  }

  Result<> check() const
  {
    for (std::size_t i = 0; i < moves_; ++i) {
      if (auto intact = check_pages(to(i), kPages, arena_.island(i, kPages)); !intact)
        return intact;
      for (char* const at : {to(i) - bytes(), to(i) + bytes()}) {
        if (at < to(i) ? !has_prev(neighbour_) : !has_next(neighbour_))
          continue;
        if (auto good =
                is_faulted(neighbour_) ? check_pages(at, kPages) : check_zero_pages(at, kPages);
            !good)
          return good;
      }
    }
    return ok();
  }

  Result<MoveOutcomes> outcomes(std::size_t vmas_before) const
  {
    const auto spans = arena_spans();
    if (!spans)
      return spans.error();
    MoveOutcomes outcomes{.attempted = moves_,
                          .relocated = 0,
                          .merged = vmas_before - spans->size(),
                          .vmas_before = vmas_before,
                          .vmas_after = spans->size()};
    for (std::size_t i = 0; i < moves_; ++i) {
      const VmaSpan span = span_of(*spans, to(i));
      bool relocated = span.end - span.begin > bytes();
      if (!relocated && !has_next(neighbour_)) {
        const auto merges = merges_behind(arena_, to(i) + bytes());
        if (!merges)
          return merges.error();
        relocated = *merges;
      }
      *outcomes.relocated += relocated ? 1 : 0;
    }
    return outcomes;
  }

 private:
  static std::size_t bytes() { return kPages * page_size(); }
  char* to(std::size_t i) const
  {
    return arena_.at((2 * moves_ + 1) * (kPages + 1) + i * kSlotPages);
  }
  const Arena& arena_;
  std::size_t moves_;
  Neighbour neighbour_;
};

// One build, K moves and what came of them.
Result<> iterate(const Beside& beside, const Mover& mover, benchmark::State& state, Meter& meter)
{
  if (auto built = beside.build(); !built)
    return built;
  const auto before = arena_spans();
  if (!before)
    return before.error();
  meter.start();
  const bool moved = beside.move_all(mover);
  meter.stop(state);
  if (!moved)
    return os_error("move beside a neighbour");
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  if (meter.observing()) {
    const auto outcomes = beside.outcomes(before->size());
    if (!outcomes)
      return outcomes.error();
    report_outcomes(meter, *outcomes);
  }
  return beside.check();
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(2)});
  if (!mover)
    return meter.fail(state, mover.error());
  const Beside beside(*arena, range_of(state, 0), Neighbour{state.range(1)});
  for ([[maybe_unused]] auto _ : state) {
    if (auto done = iterate(beside, *mover, state, meter); !done)
      return meter.fail(state, done.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_beside{
    .name = "mremap_beside",
    .summary = "faulted VMAs are moved next to neighbours, faulted or not",
    .kernel_path = "copy_vma, vma_merge_copied_range, anon_vma_clone (remap), unlink_anon_vmas",
    .patches = "series 2; series 1: 8, 9",
    .item = "move",
    .arguments = {{.name = "moves"},
                  {.name = "neighbour",
                   .labels = {"none", "faulted_prev", "faulted_next", "faulted_both",
                              "unfaulted_prev", "unfaulted_next", "unfaulted_both"}},
                  way_argument()},
    .quick = {{10, none, way::plain},
              {10, faulted_both, way::plain},
              {10, unfaulted_both, way::plain},
              {10, unfaulted_both, way::relocate},
              {10, faulted_both, way::uffd},
              {10, unfaulted_both, way::uffd}},
    .full = {{10, none, way::plain},
             {10, faulted_prev, way::plain},
             {10, faulted_next, way::plain},
             {10, faulted_both, way::plain},
             {10, unfaulted_prev, way::plain},
             {10, unfaulted_next, way::plain},
             {10, unfaulted_both, way::plain},
             {10, none, way::relocate},
             {10, faulted_prev, way::relocate},
             {10, faulted_next, way::relocate},
             {10, faulted_both, way::relocate},
             {10, unfaulted_prev, way::relocate},
             {10, unfaulted_next, way::relocate},
             {10, unfaulted_both, way::relocate},
             {10, none, way::uffd},
             {10, faulted_prev, way::uffd},
             {10, faulted_next, way::uffd},
             {10, faulted_both, way::uffd},
             {10, unfaulted_prev, way::uffd},
             {10, unfaulted_next, way::uffd},
             {10, unfaulted_both, way::uffd},
             {100, faulted_both, way::plain},
             {100, faulted_both, way::relocate},
             {100, faulted_both, way::uffd}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 32; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 24 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
