// SPDX-License-Identifier: GPL-2.0-only
// mremap_life: a memory's life after it was moved in N pieces: forks, and its end.
//
// Sharing: as mremap_scramble, order=reversed, and then a child that shares everything. What
// way=plain leaves is N VMAs with an AVC each, which every fork copies and every exit and the
// munmap at the end take down; a way that relocates pays for each page when it moves it and
// leaves one VMA.
// Kernel: the moves' (mremap_scramble); anon_vma_fork(), unlink_anon_vmas(), free_pgtables()
// after them. Series 2; series 1, patches 2, 4, 8 and 9. One operation is the whole life: N
// moves of four pages, F times fork+exit+wait, munmap of the target. To find where a way
// breaks even with plain, read both figures at forks=0 and another number of forks F: with
// extra = way - plain at 0 and saving = (plain - way at F + extra) / F, it takes
// extra / saving forks.
// Not measured: mapping and touching; faults of the child (it touches nothing).
#include <sys/mman.h>

#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPiecePages = 4;

struct Life {
  const Arena& arena;
  std::size_t moves;
  std::size_t forks;
  std::size_t pages() const { return moves * kPiecePages; }
  char* source(std::size_t i) const { return arena.at((moves - 1 - i) * kPiecePages); }
  char* target(std::size_t i) const { return arena.at(2 * pages() + i * kPiecePages); }
};

bool move_all(const Life& life, Mover& mover)
{
  if (!mover.begin(life.arena.at(0), life.target(0), life.pages() * page_size()))
    return false;
  for (std::size_t i = 0; i < life.moves; ++i)
    if (!mover.move(life.source(i), life.target(i), kPiecePages * page_size()))
      return false;
  return mover.end();
}

bool fork_all(std::size_t forks)
{
  for (std::size_t i = 0; i < forks; ++i) {
    const pid_t pid = sys_fork();
    if (pid == 0)
      sys_exit(0);
    if (pid < 0 || reap(pid) != 0)
      return false;
  }
  return true;
}

Result<> check(const Life& life)
{
  for (std::size_t i = 0; i < life.moves; ++i)
    if (auto intact = check_pages(life.target(i), kPiecePages, life.source(i)); !intact)
      return intact;
  return ok();
}

// Moves and forks once more, and holds still before the end.
Result<> observe(const Life& life, Mover& mover, Meter& meter)
{
  if (auto mapped = life.arena.map(life.arena.at(0), life.pages()); !mapped)
    return mapped;
  touch(life.arena.at(0), life.pages());
  if (!move_all(life, mover) || !fork_all(life.forks))
    return os_error("move and fork to be observed");
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  const auto spans = arena_spans();
  if (!spans)
    return spans.error();
  report_outcomes(meter, {.attempted = life.moves,
                          .merged = life.moves - spans->size(),
                          .vmas_before = 1,
                          .vmas_after = spans->size()});
  return check(life);
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(2)});
  if (!mover)
    return meter.fail(state, mover.error());
  const Life life{.arena = *arena, .moves = range_of(state, 0), .forks = range_of(state, 1)};
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map(arena->at(0), life.pages()); !mapped)
      return meter.fail(state, mapped.error());
    touch(arena->at(0), life.pages());
    meter.start();
    const bool lived = move_all(life, *mover) && fork_all(life.forks) &&
                       ::munmap(life.target(0), life.pages() * page_size()) == 0;
    meter.stop(state);
    if (!lived)
      return meter.fail(state, os_error("move, fork and unmap"));
    arena->clear();
  }
  if (meter.observing())
    if (auto observed = observe(life, *mover, meter); !observed)
      meter.fail(state, observed.error());
}

}  // namespace

const Workload mremap_life{
    .name = "mremap_life",
    .summary = "N moves, F forks and the end: where a way of moving breaks even",
    .kernel_path = "copy_vma, anon_vma_clone, anon_vma_fork, unlink_anon_vmas, free_pgtables",
    .patches = "series 2; series 1: 2, 4, 8, 9",
    .item = "life",
    .arguments = {{.name = "moves"}, {.name = "forks"}, way_argument()},
    .quick = {{10, 0, way::plain},
              {10, 1, way::plain},
              {100, 0, way::plain},
              {100, 1, way::plain},
              {100, 0, way::uffd_once},
              {100, 1, way::uffd_once}},
    .full = {{10, 0, way::plain},       {10, 1, way::plain},       {100, 0, way::plain},
             {100, 1, way::plain},      {1000, 0, way::plain},     {1000, 1, way::plain},
             {1000, 4, way::plain},     {100, 0, way::relocate},   {100, 1, way::relocate},
             {1000, 0, way::relocate},  {1000, 1, way::relocate},  {1000, 4, way::relocate},
             {1000, 0, way::uffd},      {1000, 1, way::uffd},      {1000, 4, way::uffd},
             {100, 0, way::uffd_once},  {100, 1, way::uffd_once},  {1000, 0, way::uffd_once},
             {1000, 1, way::uffd_once}, {1000, 4, way::uffd_once}, {1000, 0, way::copy},
             {1000, 1, way::copy},      {1000, 4, way::copy}},
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 32 + v[1] * (200 + 4 * v[0]); },
    .memory_pages = [](const Values& v) -> std::int64_t { return 2 * kProcessPages + 16 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
