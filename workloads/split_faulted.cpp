// SPDX-License-Identifier: GPL-2.0-only
// split_faulted: K mprotect calls cut one faulted VMA of 2K pages into 2K VMAs.
//
// Sharing: all pieces keep the one anon_vma, each gets an AVC of its own.
// Kernel: __split_vma() > anon_vma_clone() (split), vma_prepare() and vma_complete()
// write-lock the root around the change. Series 1, patches 4, 8, 9. Figures are per
// mprotect call: every second page, so that each call splits twice (the last, once).
// Not measured: mapping and touching the pages before, unmapping them after.
#include <sys/mman.h>

#include "workloads/rows.h"

namespace rmaplab
{

Result<> split_alternate(const Arena& arena, std::size_t splits, std::size_t page)
{
  for (std::size_t i = 0; i < splits; ++i)
    if (::mprotect(arena.at(page + 2 * i + 1), page_size(), PROT_READ) < 0)
      return os_error("mprotect every second page");
  return ok();
}

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
    meter.start();
    const auto split = split_alternate(*arena, splits);
    meter.stop(state);
    if (!split)
      return meter.fail(state, split.error());
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    if (auto intact = check_pages(arena->at(0), 2 * splits); !intact)
      return meter.fail(state, intact.error());
    arena->clear();
  }
}

}  // namespace

const Workload split_faulted{
    .name = "split_faulted",
    .summary = "mprotect of every second page: one faulted VMA becomes 2K",
    .kernel_path = "__split_vma, anon_vma_clone (split), vma_prepare, vma_complete",
    .patches = "series 1: 4, 8, 9",
    .item = "mprotect",
    .arguments = {{.name = "splits"}},
    .quick = {{10}, {100}, {1000}},
    .beyond = {{3000}},
    .full = {{10}, {30}, {100}, {300}, {1000}, {3000}, {10000}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 2 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 3 * v[0]; },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
