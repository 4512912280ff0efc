// SPDX-License-Identifier: GPL-2.0-only
// gap_fill: mmap of the page that parts two VMAs, K times.
//
// Sharing, by kind, of the page before and the one after each gap: uf, unfaulted and
// faulted; fu, faulted and unfaulted; ff, both faulted, each with an anon_vma of its own;
// same, both faulted as one VMA that had a hole cut into it, so with one anon_vma.
// Kernel: vma_merge_new_range() > vma_expand(). uf: the VMA that grows is the unfaulted
// one, so dup_anon_vma() > anon_vma_clone() (merge) gives it the other's AVC, whose own
// goes with unlink_anon_vmas(): series 1, patches 5 and 9. fu: nothing to clone, the
// control. same: one AVC unlinked. ff: anon_vmas that differ cannot merge, so the gap
// joins one side, and two VMAs are left. Figures are per mmap call.
// Not measured: mapping and touching what lies around the gaps.
#include <sys/mman.h>

#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

enum Kind : std::int64_t { uf, fu, ff, same };

constexpr std::size_t kStride = 4;  // before, gap, after, and a page that stays empty

Result<> build_one(const Arena& arena, std::size_t first, Kind kind)
{
  if (kind == same) {
    if (auto mapped = arena.map(arena.at(first), 3); !mapped)
      return mapped;
    touch(arena.at(first), 3);
    return ::munmap(arena.at(first + 1), page_size()) < 0 ? os_error("munmap") : ok();
  }
  for (const std::size_t page : {first, first + 2})
    if (auto mapped = arena.map(arena.at(page), 1); !mapped)
      return mapped;
  if (kind != uf)
    touch(arena.at(first), 1);
  if (kind != fu)
    touch(arena.at(first + 2), 1);
  return ok();
}

Result<> check_one(const Arena& arena, std::size_t first, Kind kind)
{
  touch(arena.at(first + 1), 1, {.generation = 1});
  if (auto gap = check_pages(arena.at(first + 1), 1, {.generation = 1}); !gap)
    return gap;
  char* const before = arena.at(first);
  char* const after = arena.at(first + 2);
  if (auto good = kind == uf ? check_zero_pages(before, 1) : check_pages(before, 1); !good)
    return good;
  return kind == fu ? check_zero_pages(after, 1) : check_pages(after, 1);
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const Kind kind{state.range(1)};
  const auto each = [&](auto&& action) -> Result<> {
    for (std::size_t i = 0; i < range_of(state, 0); ++i)
      if (auto done = action(i * kStride); !done)
        return done;
    return ok();
  };
  time_steps(
      state, meter, *arena,
      {.build = [&] { return each([&](std::size_t at) { return build_one(*arena, at, kind); }); },
       .act =
           [&] { return each([&](std::size_t at) { return arena->map(arena->at(at + 1), 1); }); },
       .check = [&] { return each([&](std::size_t at) { return check_one(*arena, at, kind); }); }});
}

}  // namespace

const Workload gap_fill{
    .name = "gap_fill",
    .summary = "mmap of the gap between two VMAs, faulted or not: three become one",
    .kernel_path = "vma_merge_new_range, vma_expand, dup_anon_vma, unlink_anon_vmas",
    .patches = "series 1: 5, 9",
    .item = "mmap",
    .arguments = {{.name = "gaps"}, {.name = "kind", .labels = {"uf", "fu", "ff", "same"}}},
    .quick = {{10, uf}, {1000, uf}, {10, fu}, {1000, fu}, {10, ff}, {10, same}},
    .full = {{10, uf},
             {100, uf},
             {1000, uf},
             {5000, uf},
             {10, fu},
             {100, fu},
             {1000, fu},
             {5000, fu},
             {10, ff},
             {1000, ff},
             {10, same},
             {1000, same}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 4 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 5 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
