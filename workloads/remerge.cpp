// SPDX-License-Identifier: GPL-2.0-only
// remerge: one mprotect call over the 2K VMAs that split_faulted leaves makes one.
//
// Sharing: one anon_vma, 2K AVCs before, one after.
// Kernel: vma_merge_existing_range() > commit_merge(), vma_complete() >
// unlink_anon_vmas() (until series 1, patch 5: anon_vma_merge()). Figures are per VMA
// that went away, 2K - 1 of them.
// Not measured: the splitting before.
#include <sys/mman.h>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t splits = range_of(state, 0);
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map(arena->at(0), 2 * splits); !mapped)
      return meter.fail(state, mapped.error());
    touch(arena->at(0), 2 * splits);
    if (auto split = split_alternate(*arena, splits); !split)
      return meter.fail(state, split.error());
    meter.start();
    const int status = ::mprotect(arena->at(0), 2 * splits * page_size(), PROT_READ | PROT_WRITE);
    meter.stop(state);
    if (status < 0)
      return meter.fail(state, os_error("mprotect over all pieces"));
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    if (auto intact = check_pages(arena->at(0), 2 * splits); !intact)
      return meter.fail(state, intact.error());
    arena->clear();
  }
}

}  // namespace

const Workload remerge{
    .name = "remerge",
    .summary = "one mprotect call merges 2K VMAs of one anon_vma into one",
    .kernel_path = "vma_merge_existing_range, vma_complete, unlink_anon_vmas",
    .patches = "series 1: 5",
    .item = "VMA merged away",
    .arguments = {{.name = "splits"}},
    .quick = {{10}, {100}, {1000}},
    .beyond = {{3000}},
    .full = {{10}, {30}, {100}, {300}, {1000}, {3000}, {10000}},
    .items = [](const Values& v) { return 2 * v[0] - 1; },
    .weight = [](const Values& v) { return 2 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 3 * v[0]; },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
