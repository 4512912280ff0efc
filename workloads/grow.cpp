// SPDX-License-Identifier: GPL-2.0-only
// grow: a faulted VMA grows at its end, a page a call, by mmap of the next page or by
// mremap in place.
//
// Sharing: chain is the number of AVCs of the VMA: the last of so many generations grows
// what the first one faulted, its ancestors asleep.
// Kernel: vma_expand(): vma_prepare() and vma_complete() write-lock the root and take the
// VMA's AVCs out of their trees and put them back. Nothing is allocated for the rmap:
// series 1 leaves it as it is. By mmap only a chain of one grows so: new memory does not
// join a VMA that was forked (is_mergeable_anon_vma()), so with longer chains the first call
// makes a second VMA and the later ones grow that, which has no anon_vma. Figures are per
// call; in them is a part of one wake and one wait for the child (descendant.h).
// Not measured: the forks, mapping and touching the first page.
#include <sys/mman.h>

#include "workloads/descendant.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Op : std::int64_t { by_mmap, by_mremap };

Result<> remap_in_place(const Arena& arena, std::size_t pages)
{
  for (std::size_t i = 1; i <= pages; ++i)
    if (::mremap(arena.at(0), i * page_size(), (i + 1) * page_size(), 0) == MAP_FAILED)
      return os_error("mremap in place");
  return ok();
}

Result<> map_pages(const Arena& arena, std::size_t pages)
{
  for (std::size_t i = 1; i <= pages; ++i)
    if (auto mapped = arena.map(arena.at(i), 1); !mapped)
      return mapped;
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const std::size_t pages = range_of(state, 0);
  const bool remaps = state.range(2) == by_mremap;
  const auto build = [&]() -> Result<> {
    if (auto mapped = arena->map(arena->at(0), 1); !mapped)
      return mapped;
    touch(arena->at(0), 1);
    return ok();
  };
  const auto prepare = [&]() -> Result<> {
    // As in child_split: the first call of each kind is dearer, and leaves all as it was.
    if (remaps && ::mremap(arena->at(0), page_size(), page_size(), 0) == MAP_FAILED)
      return os_error("mremap of nothing");
    if (auto mapped = arena->map(arena->at(pages + 2), 1); !mapped)
      return mapped;
    return ::munmap(arena->at(pages + 2), page_size()) < 0 ? os_error("munmap") : ok();
  };
  const auto check = [&]() -> Result<> {
    if (auto zero = check_zero_pages(arena->at(1), pages); !zero)
      return zero;
    touch(arena->at(1), pages);
    return check_pages(arena->at(0), pages + 1);
  };
  time_descendant(
      state, meter,
      {.chain = range_of(state, 1),
       .build = build,
       .prepare = prepare,
       .act = [&] { return remaps ? remap_in_place(*arena, pages) : map_pages(*arena, pages); },
       .check = check});
}

}  // namespace

const Workload grow{
    .name = "grow",
    .summary = "a faulted VMA grows page by page, by mmap beside it or mremap in place",
    .kernel_path = "vma_merge_new_range, vma_expand, vma_prepare, vma_complete",
    .patches = "control",
    .item = "mmap or mremap",
    .arguments = {{.name = "pages"},
                  {.name = "chain"},
                  {.name = "op", .labels = {"mmap", "mremap"}}},
    .quick = {{10, 1, by_mmap},
              {1000, 1, by_mmap},
              {10, 2, by_mmap},
              {10, 1, by_mremap},
              {1000, 1, by_mremap},
              {10, 2, by_mremap}},
    .full = {{10, 1, by_mmap},
             {100, 1, by_mmap},
             {1000, 1, by_mmap},
             {10, 2, by_mmap},
             {1000, 2, by_mmap},
             {10, 1, by_mremap},
             {100, 1, by_mremap},
             {1000, 1, by_mremap},
             {10, 2, by_mremap},
             {1000, 2, by_mremap},
             {1000, 4, by_mremap},
             {1000, 16, by_mremap}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[1] * 32 + 3 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (1 + v[1]) * kProcessPages + 2 * v[0];
    },
    .run = run,
};

}  // namespace rmaplab
