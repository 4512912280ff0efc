// SPDX-License-Identifier: GPL-2.0-only
// punch: K munmap calls take every second page out of one faulted VMA of 2K pages.
//
// Sharing: all that is left keeps the one anon_vma, each piece an AVC of its own.
// Kernel: __split_vma() > anon_vma_clone() (split) twice a call (the last, once), then
// unlink_anon_vmas() of the page that goes. Series 1, patches 4, 8, 9. What an allocator
// does that gives pages back; it ends at vm.max_map_count (map_limit). Figures are per
// munmap call.
// Not measured: mapping and touching the pages before.
#include <sys/mman.h>

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
  const std::size_t holes = range_of(state, 0);
  const auto build = [&]() -> Result<> {
    if (auto mapped = arena->map(arena->at(0), 2 * holes); !mapped)
      return mapped;
    touch(arena->at(0), 2 * holes);
    return ok();
  };
  const auto act = [&]() -> Result<> {
    for (std::size_t i = 0; i < holes; ++i)
      if (::munmap(arena->at(2 * i + 1), page_size()) < 0)
        return os_error("munmap every second page");
    return ok();
  };
  const auto check = [&]() -> Result<> {
    for (std::size_t i = 0; i < holes; ++i)
      if (auto good = check_pages(arena->at(2 * i), 1); !good)
        return good;
    return ok();
  };
  time_steps(state, meter, *arena, {.build = build, .act = act, .check = check});
}

}  // namespace

const Workload punch{
    .name = "punch",
    .summary = "munmap of every second page of one faulted VMA",
    .kernel_path = "__split_vma, anon_vma_clone (split), unlink_anon_vmas",
    .patches = "series 1: 4, 8, 9",
    .item = "munmap",
    .arguments = {{.name = "holes"}},
    .quick = {{10}, {100}, {1000}},
    .full = {{10}, {30}, {100}, {300}, {1000}, {3000}, {10000}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 3 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 3 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
