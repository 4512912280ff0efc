// SPDX-License-Identifier: GPL-2.0-only
// fault_islands: the first write to each of K VMAs that have no neighbours.
//
// Sharing: none: each VMA gets an anon_vma of its own, with one AVC.
// Kernel: __anon_vma_prepare() allocates both before it takes the root's lock, which
// nobody else knows yet; series 1 leaves it as it is. fault=second is the control: the
// VMAs have an anon_vma already, from a page before, and only the page is new. What the
// two cases differ by is __anon_vma_prepare() and the mmap_lock that it needs, where
// faults take the VMA's own lock (6.4). Figures are per page faulted in.
// Not measured: mapping the VMAs, threads that fault at once (prepare_race).
#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

enum Fault : std::int64_t { first, second };

constexpr std::size_t kPages = 2;  // the one before, and the one that is timed

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const std::size_t vmas = range_of(state, 0);
  const auto touch_page = [&](std::size_t page) -> Result<> {
    for (std::size_t i = 0; i < vmas; ++i)
      touch(arena->island(i, kPages) + page * page_size(), 1);
    return ok();
  };
  const auto build = [&]() -> Result<> {
    if (auto mapped = arena->map_islands(vmas, kPages); !mapped || state.range(1) == first)
      return mapped;
    return touch_page(0);
  };
  const auto check = [&]() -> Result<> {
    for (std::size_t i = 0; i < vmas; ++i) {
      char* const island = arena->island(i, kPages);
      if (auto good = check_pages(island + page_size(), 1); !good)
        return good;
      if (auto good =
              state.range(1) == first ? check_zero_pages(island, 1) : check_pages(island, 1);
          !good)
        return good;
    }
    return ok();
  };
  time_steps(state, meter, *arena,
             {.build = build, .act = [&] { return touch_page(1); }, .check = check});
}

}  // namespace

const Workload fault_islands{
    .name = "fault_islands",
    .summary = "first writes to K VMAs without neighbours: an anon_vma each",
    .kernel_path = "__anon_vma_prepare",
    .patches = "control",
    .item = "page faulted in",
    .arguments = {{.name = "vmas"}, {.name = "fault", .labels = {"first", "second"}}},
    .quick = {{10, first}, {100, first}, {1000, first}, {10, second}, {1000, second}},
    .full = {{1, first},
             {10, first},
             {100, first},
             {1000, first},
             {10000, first},
             {1, second},
             {10, second},
             {100, second},
             {1000, second},
             {10000, second}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 3 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 4 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
