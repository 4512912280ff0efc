// SPDX-License-Identifier: GPL-2.0-only
// walk_collapse: one block of small pages that a family shares becomes a huge page in one
// process.
//
// Sharing: a block (2 MiB with 4 KiB pages) written by the first process, then forked N
// times. by=all: the children map the same pages, which the first then gets a copy of;
// by=first: all have written since, the first process too. N=0: nobody shares.
// Kernel: MADV_COLLAPSE > collapse_huge_page(), anon_vma root write-locked around
// pmdp_collapse_flush(): no walk, but a writer like those of series 1 that any user may
// send, and what walkers of the same root wait for. Figures are per block, tries that the kernel
// answers with EAGAIN (a page that another CPU has just now taken, at most seven) among them.
// by=all needs a kernel that collapses what is not writable: after fork no entry is, and
// 6.12 refuses (SCAN_PAGE_RO).
// Not measured: touching, the forks. Huge pages are allowed for this call alone
// (PR_SET_THP_DISABLE off); MADV_COLLAPSE needs no word in
// /sys/kernel/mm/transparent_hugepage/enabled: it worked with "never" on 6.12 to 7.2.
#include "workloads/family.h"
#include "workloads/huge_pages.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum By : std::int64_t { all, first };

std::size_t block_pages()
{
  return pmd_size() / page_size();
}

FamilyShape shape_of(std::int64_t children, std::int64_t by)
{
  return {.depth = 1,
          .fanout = static_cast<std::size_t>(children),
          .pages = block_pages(),
          .mapped_by = by == all ? MappedBy::all : MappedBy::first};
}

Result<> iterate(const Arena& arena, FamilyShape shape, benchmark::State& state, Meter& meter)
{
  shape.at = arena.block(1);
  auto family = Family::create(arena, shape);
  if (!family)
    return family.error();
  if (shape.mapped_by == MappedBy::first)
    touch(family->pages(), family->page_count());  // the entries are writable again
  {
    const auto allowed = HugePagesAllowed::create();
    if (!allowed)
      return allowed.error();
    meter.start();
    const int collapsed = collapse(family->pages());
    meter.stop(state);
    if (collapsed < 0)
      return collapse_error();
  }
  const auto huge = huge_bytes();
  if (!huge)
    return huge.error();
  if (*huge < pmd_size())
    return Error{.code = Errc::mismatch,
                 .context = "MADV_COLLAPSE succeeds and leaves no huge page"};
  meter.observe(family->pids());
  return family->check_and_end();
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(*arena, shape_of(state.range(0), state.range(1)), state, meter); !done)
      return meter.fail(state, done.error());
}

}  // namespace

const Workload walk_collapse{
    .name = "walk_collapse",
    .summary = "MADV_COLLAPSE of a block of pages that N children share or have copied",
    .kernel_path = "collapse_huge_page, pmdp_collapse_flush under the root's write lock",
    .patches = "control",
    .item = "huge page made",
    .arguments = {{.name = "children"}, {.name = "by", .labels = {"all", "first"}}},
    .quick = {{0, all}, {10, all}, {10, first}},
    .full = {{0, all}, {1, all}, {10, all}, {30, all}, {10, first}},
    .weight = [](const Values& v) -> std::int64_t {
      return static_cast<std::int64_t>(block_pages()) * (v[1] == first ? 1 + v[0] : 1) + 32 * v[0];
    },
    .memory_pages =
        [](const Values& v) {
          return shape_of(v[0], v[1]).memory_pages() + static_cast<std::int64_t>(block_pages());
        },
    .run = run,
};

}  // namespace rmaplab
