// SPDX-License-Identifier: GPL-2.0-only
// mprotect_merge: K pairs of neighbouring pages, two VMAs each, become one VMA each when
// mprotect gives the second page the permissions of the first.
//
// Sharing, by kind, of the first page and the second: uf, unfaulted and faulted; fu,
// faulted and unfaulted; ff, both faulted, of one anon_vma (find_mergeable_anon_vma()).
// Kernel: vma_merge_existing_range() > commit_merge(): the first VMA grows over the
// second. uf: dup_anon_vma() > anon_vma_clone() (merge) gives it the second's AVC, whose
// own goes with unlink_anon_vmas(): series 1, patches 5 and 9. ff: the unlink alone. fu:
// neither, the control. Before 6.16 nothing merges in uf: the first VMA's empty list of AVCs
// was taken for a forked VMA's (Linux commit 879bca0a2c4f ("mm/vma: fix
// incorrectly disallowed anonymous VMA merges")). Figures are per mprotect call.
// Not measured: mapping, touching and the mprotect that made two VMAs of one.
#include <sys/mman.h>

#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

enum Kind : std::int64_t { uf, fu, ff };

constexpr std::size_t kStride = 3;  // two pages, and one that stays empty

Result<> build_one(const Arena& arena, std::size_t first, Kind kind)
{
  if (auto mapped = arena.map(arena.at(first), 2); !mapped)
    return mapped;
  if (::mprotect(arena.at(first + 1), page_size(), PROT_WRITE) < 0)  // written to all the same
    return os_error("mprotect to split");
  if (kind != uf)
    touch(arena.at(first), 1);
  if (kind != fu)
    touch(arena.at(first + 1), 1);
  return ok();
}

Result<> merge_one(const Arena& arena, std::size_t first)
{
  if (::mprotect(arena.at(first + 1), page_size(), PROT_READ | PROT_WRITE) < 0)
    return os_error("mprotect to merge");
  return ok();
}

Result<> check_one(const Arena& arena, std::size_t first, Kind kind)
{
  char* const page = arena.at(first);
  char* const other = arena.at(first + 1);
  if (auto good = kind == uf ? check_zero_pages(page, 1) : check_pages(page, 1); !good)
    return good;
  return kind == fu ? check_zero_pages(other, 1) : check_pages(other, 1);
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
       .act = [&] { return each([&](std::size_t at) { return merge_one(*arena, at); }); },
       .check = [&] { return each([&](std::size_t at) { return check_one(*arena, at, kind); }); }});
}

}  // namespace

const Workload mprotect_merge{
    .name = "mprotect_merge",
    .summary = "mprotect makes one VMA of two, faulted or not, K times",
    .kernel_path = "vma_merge_existing_range, commit_merge, dup_anon_vma, unlink_anon_vmas",
    .patches = "series 1: 5, 9",
    .item = "mprotect",
    .arguments = {{.name = "pairs"}, {.name = "kind", .labels = {"uf", "fu", "ff"}}},
    .quick = {{10, uf}, {1000, uf}, {10, fu}, {1000, fu}, {10, ff}, {1000, ff}},
    .full = {{10, uf},
             {100, uf},
             {1000, uf},
             {5000, uf},
             {10, fu},
             {100, fu},
             {1000, fu},
             {5000, fu},
             {10, ff},
             {100, ff},
             {1000, ff},
             {5000, ff}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 3 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 4 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
