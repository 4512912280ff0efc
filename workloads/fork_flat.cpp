// SPDX-License-Identifier: GPL-2.0-only
// fork_flat: one process with F faulted anonymous VMAs forks a child that exits.
//
// Sharing: every VMA has an anon_vma of its own, the child's chain is two long.
// Kernel: anon_vma_fork() per faulted VMA (clone of the chain, one anon_vma, one
// AVC more), unlink_anon_vmas() when the child exits; both write-lock the root.
// Series 1, patches 2, 4, 8, 9. Grows with F; F = 0 is the price of the process
// itself with the VMAs of its program (see process_vmas of null).
// Not measured: copy-on-write faults; the child touches nothing.
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

void run(benchmark::State& state, Meter& meter)
{
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  if (auto mapped = map_faulted_islands(stage->arena, range_of(state, 0)); !mapped)
    return meter.fail(state, mapped.error());

  time_forks(state, meter);
  if (meter.observing())
    observe_child(state, meter, stage->meeting);
  if (auto intact = check_cow(stage->arena, range_of(state, 0)); !intact)
    meter.fail(state, intact.error());
}

}  // namespace

const Workload fork_flat{
    .name = "fork_flat",
    .version = 2,
    .summary = "fork, exit and wait of a child that shares F faulted VMAs",
    .kernel_path = "anon_vma_fork, anon_vma_clone, unlink_anon_vmas",
    .patches = "series 1: 2, 4, 8, 9",
    .item = "fork+exit+wait",
    .arguments = {{.name = "vmas"}},
    .quick = {{0}, {1}, {4}, {16}, {64}, {256}},
    .beyond = {{1024}},
    .full = {{0}, {1}, {2}, {4}, {8}, {16}, {32}, {64}, {128}, {256}, {512}, {1024}},
    .weight = [](const Values& v) -> std::int64_t { return 32 + v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return 2 * (kProcessPages + 2 * v[0]); },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
