// SPDX-License-Identifier: GPL-2.0-only
// mremap_move: one faulted VMA of P pages is moved to a far place.
//
// Sharing: one anon_vma with one VMA. way=plain clones its AVC and unlinks the old one;
// relocate and must (series 2) give the pages a new anon_vma; uffd and copy move or copy
// them into a fresh mapping.
// Kernel: plain: copy_vma() > anon_vma_clone() (remap), move_page_tables(),
// unlink_anon_vmas(); uffd: mmap, UFFDIO_REGISTER, move_pages() of mm/userfaultfd.c with
// folio_move_anon_rmap() for each page, UFFDIO_UNREGISTER, munmap. Series 1, patches 8 and 9;
// the plain move is what series 2 is measured against. align=block: both ends on a page-table
// border, where whole page tables can be moved; align=page: the target one page off, so that
// each PTE is. Figures are per move of all P pages.
// Not measured: touching the pages before, opening the userfaultfd, a merge after (the
// target is alone: mremap_beside).
#include "workloads/move.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Alignment : std::int64_t { page, block };

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t pages = range_of(state, 0);
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(2)});
  if (!mover)
    return meter.fail(state, mover.error());
  char* const from = arena->block(0);
  char* const to = arena->block(pages * page_size() / pmd_size() + 2) +
                   (state.range(1) == block ? 0 : page_size());
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map(from, pages); !mapped)
      return meter.fail(state, mapped.error());
    touch(from, pages);
    const std::size_t bytes = pages * page_size();
    meter.start();
    const bool moved = mover->move(from, to, bytes);
    meter.stop(state);
    if (!moved)
      return meter.fail(state, os_error("move"));
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    if (auto intact = check_pages(to, pages, from); !intact)
      return meter.fail(state, intact.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_move{
    .name = "mremap_move",
    .version = 2,
    .summary = "one faulted VMA is moved to a far place, by mremap or instead of it",
    .kernel_path = "copy_vma, anon_vma_clone (remap), move_page_tables, unlink_anon_vmas",
    .patches = "series 1: 8, 9; series 2",
    .item = "move",
    .arguments = {{.name = "pages"},
                  {.name = "align", .labels = {"page", "block"}},
                  way_argument()},
    .quick = {{1, page, way::plain},
              {16, page, way::plain},
              {512, page, way::plain},
              {512, block, way::plain},
              {1024, block, way::plain},
              {16, page, way::uffd}},
    .full =
        {{1, page, way::plain},         {2, page, way::plain},        {16, page, way::plain},
         {64, page, way::plain},        {512, page, way::plain},      {4096, page, way::plain},
         {32768, page, way::plain},     {1, block, way::plain},       {512, block, way::plain},
         {1024, block, way::plain},     {4096, block, way::plain},    {32768, block, way::plain},
         {1, page, way::relocate},      {16, page, way::relocate},    {512, page, way::relocate},
         {4096, page, way::relocate},   {32768, page, way::relocate}, {512, block, way::relocate},
         {32768, block, way::relocate}, {512, page, way::must},       {1, page, way::uffd},
         {16, page, way::uffd},         {512, page, way::uffd},       {4096, page, way::uffd},
         {1, page, way::copy},          {16, page, way::copy},        {512, page, way::copy},
         {4096, page, way::copy}},
    .weight = [](const Values& v) { return v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 2 * v[0]; },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
