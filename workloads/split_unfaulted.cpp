// SPDX-License-Identifier: GPL-2.0-only
// split_unfaulted: K mprotect calls cut one VMA that nobody touched into 2K VMAs.
//
// Sharing: none, there is no anon_vma.
// Kernel: __split_vma() > anon_vma_clone() (split), which returns at once: series 1,
// patch 3. The control of split_faulted: what that costs more are the AVCs and the root's
// lock. Figures are per mprotect call, as there.
// Not measured: mapping the pages before, unmapping them after.
#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const std::size_t splits = range_of(state, 0);
  time_steps(state, meter, *arena,
             {.build = [&] { return arena->map(arena->at(0), 2 * splits); },
              .act = [&] { return split_alternate(*arena, splits); },
              .check = [&] { return check_zero_pages(arena->at(0), 2 * splits); }});
}

}  // namespace

const Workload split_unfaulted{
    .name = "split_unfaulted",
    .summary = "mprotect of every second page: one VMA without pages becomes 2K",
    .kernel_path = "__split_vma, anon_vma_clone (early return)",
    .patches = "series 1: 3",
    .item = "mprotect",
    .arguments = {{.name = "splits"}},
    .quick = {{10}, {100}, {1000}},
    .full = {{10}, {30}, {100}, {300}, {1000}, {3000}, {10000}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 2 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 2 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
