// SPDX-License-Identifier: GPL-2.0-only
// mremap_dontunmap: K faulted VMAs are moved and their sources stay, empty.
//
// Sharing: one anon_vma a VMA, before as after: the new VMA gets an AVC of it, and the
// source, which holds no page any more, gives its own up.
// Kernel: copy_vma() > anon_vma_clone() (remap), move_page_tables(), then unlink_anon_vmas()
// of a source that was moved as a whole. Series 1, patch 4. way=relocate adds
// MREMAP_RELOCATE_ANON: whether a kernel that has it takes both flags is its to say; EINVAL
// is a move refused. Figures are per move.
// Not measured: mapping and touching; what userfaultfd would make of the empty source.
#include <cerrno>

#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPages = 2;

char* target_of(const Arena& arena, std::size_t moves, std::size_t i)
{
  return arena.island(2 * moves + i, kPages);
}

// How many moves were done; errno of the first that was refused.
std::size_t move_all(const Arena& arena, const Mover& mover, std::size_t moves)
{
  for (std::size_t i = 0; i < moves; ++i)
    if (!mover.move_keeping(arena.island(i, kPages), target_of(arena, moves, i),
                            kPages * page_size()))
      return i;
  return moves;
}

Result<> check(const Arena& arena, std::size_t moves, std::size_t done)
{
  for (std::size_t i = 0; i < moves; ++i) {
    char* const source = arena.island(i, kPages);
    if (i >= done) {
      if (auto intact = check_pages(source, kPages); !intact)
        return intact;
      continue;
    }
    if (auto intact = check_pages(target_of(arena, moves, i), kPages, source); !intact)
      return intact;
    if (auto zeros = check_zero_pages(source, kPages); !zeros)
      return zeros;
  }
  return ok();
}

Result<> report(const Arena& arena, Meter& meter, std::size_t moves, std::size_t done, int refusal)
{
  const auto spans = arena_spans();
  if (!spans)
    return spans.error();
  MoveOutcomes outcomes{.attempted = done < moves ? done + 1 : moves,
                        .refused = done < moves ? std::size_t{1} : 0,
                        .refusal = refusal,
                        .relocated = 0,
                        .merged = moves + done - spans->size(),
                        .vmas_before = moves,
                        .vmas_after = spans->size()};
  for (std::size_t i = 0; i < done; ++i) {
    const auto merges = merges_behind(arena, target_of(arena, moves, i) + kPages * page_size());
    if (!merges)
      return merges.error();
    *outcomes.relocated += *merges ? 1 : 0;
  }
  report_outcomes(meter, outcomes);
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t moves = range_of(state, 0);
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(1)});
  if (!mover)
    return meter.fail(state, mover.error());
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map_islands(moves, kPages); !mapped)
      return meter.fail(state, mapped.error());
    for (std::size_t i = 0; i < moves; ++i)
      touch(arena->island(i, kPages), kPages);
    meter.start();
    const std::size_t done = move_all(*arena, *mover, moves);
    const int refusal = errno;
    meter.stop(state);
    if (done < moves && (refusal != EINVAL || state.range(1) == way::plain))
      return meter.fail(state, {.context = "mremap with MREMAP_DONTUNMAP", .sys_errno = refusal});
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    if (meter.observing())
      if (auto reported = report(*arena, meter, moves, done, refusal); !reported)
        return meter.fail(state, reported.error());
    if (auto good = check(*arena, moves, done); !good)
      return meter.fail(state, good.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_dontunmap{
    .name = "mremap_dontunmap",
    .summary = "faulted VMAs are moved and leave their sources mapped, empty",
    .kernel_path = "copy_vma, anon_vma_clone (remap), move_page_tables, unlink_anon_vmas",
    .patches = "series 1: 4; series 2",
    .item = "move",
    .arguments = {{.name = "moves"}, {.name = "way", .labels = {"plain", "relocate"}}},
    .quick = {{1, way::plain}, {10, way::plain}, {100, way::plain}, {10, way::relocate}},
    .full = {{1, way::plain},
             {10, way::plain},
             {100, way::plain},
             {1000, way::plain},
             {10, way::relocate},
             {100, way::relocate}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 16; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 6 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
