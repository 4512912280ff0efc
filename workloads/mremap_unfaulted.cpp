// SPDX-License-Identifier: GPL-2.0-only
// mremap_unfaulted: K VMAs that nobody touched are moved, to places apart or side by side.
//
// Sharing: none; there is no anon_vma yet. A VMA without one takes the page offset of
// its new place, so those that arrive side by side merge (target=row), the others stay
// (target=islands).
// Kernel: copy_vma() with a new offset, vma_merge_new_range(); anon_vma_clone() and
// unlink_anon_vmas() return at once, which patch 3 of series 1 made explicit. No AVC is
// allocated. For MREMAP_RELOCATE_ANON nothing is to do: it is to cost what plain does; uffd
// walks the empty page tables. Figures are per move.
// Not measured: mapping the VMAs.
#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

enum Target : std::int64_t { islands, row };

constexpr std::size_t kPages = 2;

// Islands are at every third page from 0; targets far behind them.
char* target_of(const Arena& arena, std::size_t moves, Target target, std::size_t i)
{
  return arena.at(4 * moves * kPages + i * (target == row ? kPages : kPages + 1));
}

bool move_all(const Arena& arena, const Mover& mover, std::size_t moves, Target target)
{
  for (std::size_t i = 0; i < moves; ++i)
    if (!mover.move(arena.island(i, kPages), target_of(arena, moves, target, i),
                    kPages * page_size()))
      return false;
  return true;
}

Result<> check(const Arena& arena, Meter& meter, std::size_t moves, Target target)
{
  if (meter.observing()) {
    const auto spans = arena_spans();
    if (!spans)
      return spans.error();
    report_outcomes(meter, {.attempted = moves,
                            .merged = moves - spans->size(),
                            .vmas_before = moves,
                            .vmas_after = spans->size()});
  }
  for (std::size_t i = 0; i < moves; ++i)
    if (auto zeros = check_zero_pages(target_of(arena, moves, target, i), kPages); !zeros)
      return zeros;
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t moves = range_of(state, 0);
  const Target target{state.range(1)};
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(2)});
  if (!mover)
    return meter.fail(state, mover.error());
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map_islands(moves, kPages); !mapped)
      return meter.fail(state, mapped.error());
    meter.start();
    const bool moved = move_all(*arena, *mover, moves, target);
    meter.stop(state);
    if (!moved)
      return meter.fail(state, os_error("move of an unfaulted VMA"));
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    if (auto good = check(*arena, meter, moves, target); !good)
      return meter.fail(state, good.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_unfaulted{
    .name = "mremap_unfaulted",
    .summary = "K VMAs without pages are moved, to places apart or side by side",
    .kernel_path = "copy_vma, vma_merge_new_range",
    .patches = "series 1: 3; series 2: control",
    .item = "move",
    .arguments = {{.name = "moves"},
                  {.name = "target", .labels = {"islands", "row"}},
                  way_argument()},
    .quick = {{10, islands, way::plain},
              {100, islands, way::plain},
              {10, row, way::plain},
              {100, row, way::plain},
              {10, islands, way::relocate}},
    .full = {{10, islands, way::plain},
             {100, islands, way::plain},
             {1000, islands, way::plain},
             {10, row, way::plain},
             {100, row, way::plain},
             {1000, row, way::plain},
             {10, islands, way::relocate},
             {10, row, way::relocate},
             {10, islands, way::must},
             {10, row, way::uffd}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 16; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + v[0]; },
    .run = run,
};

}  // namespace rmaplab
