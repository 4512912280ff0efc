// SPDX-License-Identifier: GPL-2.0-only
// child_split: the last of a chain of forked processes splits the VMA that the first of
// them faulted, as split_faulted does, or merges it again, as remerge does.
//
// Sharing: chain is the number of AVCs of the VMA, one for each generation and its
// anon_vma; each piece gets as many. The ancestors sleep, and so do the sharers: siblings
// of the second generation, whose VMAs are in the interval tree of the root anon_vma too
// and whose forks made it no longer.
// Kernel: __split_vma() > anon_vma_clone() (split) walks the chain, vma_prepare() and
// vma_complete() take each AVC out of its tree and put it back; merging:
// unlink_anon_vmas(). All under one root lock. Series 1, patches 4, 5, 8, 9. chain=1 is
// split_faulted and remerge in a child. Figures are per mprotect call or, op=merge, per
// VMA merged away; in them is a part of one wake and one wait for the child (descendant.h).
// Not measured: the forks, mapping and touching the pages, waiting for a lock: nobody else
// runs (contend_ww).
#include <sys/mman.h>

#include "workloads/descendant.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Op : std::int64_t { by_split, by_merge };

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const std::size_t splits = range_of(state, 0);
  const bool merges = state.range(3) == by_merge;
  const auto build = [&]() -> Result<> {
    if (auto mapped = arena->map(arena->at(0), 2 * splits); !mapped)
      return mapped;
    touch(arena->at(0), 2 * splits);
    return ok();
  };
  const auto merge = [&]() -> Result<> {
    if (::mprotect(arena->at(0), 2 * splits * page_size(), PROT_READ | PROT_WRITE) < 0)
      return os_error("mprotect over all pieces");
    return ok();
  };
  const auto prepare = [&]() -> Result<> {
    // The first call of a process has its symbol looked up and libc's page mapped: some
    // 80 thousand instructions that are nobody's split.
    if (::mprotect(arena->at(0), 0, PROT_READ) < 0)
      return os_error("mprotect of nothing");
    return merges ? split_alternate(*arena, splits) : ok();
  };
  time_descendant(state, meter,
                  {.chain = range_of(state, 1),
                   .sharers = range_of(state, 2),
                   .build = build,
                   .prepare = prepare,
                   .act = [&] { return merges ? merge() : split_alternate(*arena, splits); },
                   .check = [&] { return check_pages(arena->at(0), 2 * splits); }});
}

}  // namespace

const Workload child_split{
    .name = "child_split",
    .summary = "a forked process splits, or merges, VMAs whose AVC chains are L long",
    .kernel_path = "__split_vma, anon_vma_clone (split), vma_prepare, unlink_anon_vmas",
    .patches = "series 1: 4, 5, 8, 9",
    .item = "mprotect or VMA merged away",
    .arguments = {{.name = "splits"},
                  {.name = "chain"},
                  {.name = "sharers"},
                  {.name = "op", .labels = {"split", "merge"}}},
    .quick = {{10, 1, 0, by_split},
              {10, 2, 0, by_split},
              {100, 2, 0, by_split},
              {10, 2, 0, by_merge},
              {100, 8, 0, by_split}},
    .full = {{10, 1, 0, by_split},
             {10, 2, 0, by_split},
             {100, 1, 0, by_split},
             {100, 2, 0, by_split},
             {100, 4, 0, by_split},
             {100, 8, 0, by_split},
             {100, 16, 0, by_split},
             {100, 2, 32, by_split},
             {10, 2, 0, by_merge},
             {100, 1, 0, by_merge},
             {100, 2, 0, by_merge},
             {100, 8, 0, by_merge}},
    .items = [](const Values& v) { return v[3] == by_split ? v[0] : 2 * v[0] - 1; },
    .weight = [](const Values& v) -> std::int64_t { return (v[1] + v[2]) * (32 + 2 * v[0]); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (1 + v[1] + v[2]) * (kProcessPages + v[0]) + v[0] * (4 + v[1] / 16);
    },
    .run = run,
};

}  // namespace rmaplab
