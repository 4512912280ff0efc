// SPDX-License-Identifier: GPL-2.0-only
// fault_shared: first writes to 2K neighbouring VMAs that differ by mprotect alone.
//
// Sharing: a VMA takes the anon_vma of a neighbour that it may once merge with again.
// order=up: each finds the one before it, one anon_vma serves all. order=odd_first: every
// second VMA is faulted first, when neither neighbour has anything to share, and makes
// its own; the rest share with one of theirs: K anon_vmas. The same VMAs and pages, so
// how memory is touched decides what may merge later.
// Kernel: __anon_vma_prepare() > find_mergeable_anon_vma() > reusable_anon_vma(); series 1
// leaves it as it is. Figures are per page faulted in.
// Not measured: mapping and mprotect before.
#include <sys/mman.h>

#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

enum Order : std::int64_t { up, odd_first };

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const std::size_t pages = 2 * range_of(state, 0);
  const auto build = [&]() -> Result<> {
    if (auto mapped = arena->map(arena->at(0), pages); !mapped)
      return mapped;
    // Written to all the same, but another VMA: no permission to read.
    for (std::size_t i = 1; i < pages; i += 2)
      if (::mprotect(arena->at(i), page_size(), PROT_WRITE) < 0)
        return os_error("mprotect every second page");
    return ok();
  };
  const auto touch_every = [&](std::size_t begin, std::size_t step) {
    for (std::size_t i = begin; i < pages; i += step)
      touch(arena->at(i), 1);
  };
  const auto act = [&]() -> Result<> {
    if (state.range(1) == up) {
      touch_every(0, 1);
    } else {
      touch_every(1, 2);
      touch_every(0, 2);
    }
    return ok();
  };
  const auto check = [&]() -> Result<> {
    if (::mprotect(arena->at(0), pages * page_size(), PROT_READ) < 0)
      return os_error("mprotect to read");
    return check_pages(arena->at(0), pages);
  };
  time_steps(state, meter, *arena, {.build = build, .act = act, .check = check});
}

}  // namespace

const Workload fault_shared{
    .name = "fault_shared",
    .summary = "first writes to 2K VMAs that differ by mprotect: they share anon_vmas",
    .kernel_path = "__anon_vma_prepare, find_mergeable_anon_vma",
    .patches = "control",
    .item = "page faulted in",
    .arguments = {{.name = "pairs"}, {.name = "order", .labels = {"up", "odd_first"}}},
    .quick = {{10, up}, {100, up}, {1000, up}, {10, odd_first}, {1000, odd_first}},
    .full = {{1, up},
             {10, up},
             {100, up},
             {1000, up},
             {5000, up},
             {1, odd_first},
             {10, odd_first},
             {100, odd_first},
             {1000, odd_first},
             {5000, odd_first}},
    .items = [](const Values& v) { return 2 * v[0]; },
    .weight = [](const Values& v) { return 6 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 5 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
