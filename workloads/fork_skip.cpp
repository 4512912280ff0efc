// SPDX-License-Identifier: GPL-2.0-only
// fork_skip: fork with N VMAs that need no anon_vma in the child.
//
// Sharing, by kind: unfaulted (no page, no anon_vma), dontfork (faulted, not
// copied), wipeonfork (faulted, copied without pages), shared (MAP_SHARED).
// Kernel: anon_vma_fork() returns early for unfaulted VMAs; series 1, patch 3 makes
// that shortcut explicit in anon_vma_clone() and unlink_anon_vmas(). dontfork and
// wipeonfork never reach anon_vma_clone(); shared memory has no anon_vma at all.
// The control for fork_flat: what is left grows with N is the VMA copy alone.
// Not measured: page tables of shared memory beyond one touched page a VMA.
#include <sys/mman.h>

#include <cerrno>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Kind : std::size_t { unfaulted, dontfork, wipeonfork, shared };

Result<> build(const Arena& arena, std::size_t vmas, Kind kind)
{
  if (kind == unfaulted)
    return arena.map_islands(vmas, kIslandPages);
  if (auto mapped = arena.map_islands(vmas, kIslandPages, kind == shared ? MAP_SHARED : 0); !mapped)
    return mapped;
  for (std::size_t i = 0; i < vmas; ++i) {
    char* const island = arena.island(i, kIslandPages);
    touch(island, kIslandPages);
    if (kind == shared)
      continue;
    const int advice = kind == dontfork ? MADV_DONTFORK : MADV_WIPEONFORK;
    if (::madvise(island, kIslandPages * page_size(), advice) < 0)
      return os_error("madvise");
  }
  return ok();
}

// The data oracle: what a child finds of each kind.
Result<> check_child(const Arena& arena, std::size_t vmas, Kind kind)
{
  return run_in_child([&]() -> Result<> {
    for (std::size_t i = 0; i < vmas; ++i) {
      char* const island = arena.island(i, kIslandPages);
      if (kind == dontfork) {
        if (::msync(island, kIslandPages * page_size(), MS_ASYNC) == 0 || errno != ENOMEM)
          return Error{.code = Errc::mismatch, .context = "a VMA of MADV_DONTFORK is there"};
        continue;
      }
      if (auto good = kind == shared ? check_pages(island, kIslandPages)
                                     : check_zero_pages(island, kIslandPages);
          !good)
        return good;
    }
    return ok();
  });
}

void run(benchmark::State& state, Meter& meter)
{
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  if (auto built = build(stage->arena, range_of(state, 0), Kind{range_of(state, 1)}); !built)
    return meter.fail(state, built.error());
  time_forks(state, meter);
  if (meter.observing())
    observe_child(state, meter, stage->meeting);
  if (auto good = check_child(stage->arena, range_of(state, 0), Kind{range_of(state, 1)}); !good)
    meter.fail(state, good.error());
}

}  // namespace

const Workload fork_skip{
    .name = "fork_skip",
    .version = 2,
    .summary = "fork, exit and wait with N VMAs that need no anon_vma in the child",
    .kernel_path = "anon_vma_fork (early return), dup_mmap",
    .patches = "series 1: 3",
    .item = "fork+exit+wait",
    .arguments = {{.name = "vmas"},
                  {.name = "kind", .labels = {"unfaulted", "dontfork", "wipeonfork", "shared"}}},
    .quick = {{16, unfaulted},
              {64, unfaulted},
              {256, unfaulted},
              {16, dontfork},
              {64, dontfork},
              {256, dontfork},
              {16, wipeonfork},
              {64, wipeonfork},
              {256, wipeonfork},
              {16, shared},
              {64, shared},
              {256, shared}},
    .full = {{1, unfaulted},    {16, unfaulted},   {64, unfaulted},    {256, unfaulted},
             {1024, unfaulted}, {1, dontfork},     {16, dontfork},     {64, dontfork},
             {256, dontfork},   {1024, dontfork},  {1, wipeonfork},    {16, wipeonfork},
             {64, wipeonfork},  {256, wipeonfork}, {1024, wipeonfork}, {1, shared},
             {16, shared},      {64, shared},      {256, shared},      {1024, shared}},
    .weight = [](const Values& v) -> std::int64_t { return 32 + v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return 2 * (kProcessPages + 2 * v[0]); },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
