// SPDX-License-Identifier: GPL-2.0-only
// mremap_move: one faulted VMA of P pages is moved to a far place.
//
// Sharing: one anon_vma with one VMA; the move clones its AVC and unlinks the old.
// Kernel: copy_vma() > anon_vma_clone() (remap), move_page_tables(),
// unlink_anon_vmas(). Series 1, patches 8 and 9; the plain move that series 2 is
// measured against. "block": both ends on a page-table border, where whole page
// tables can be moved; "page": the target one page off, so that each PTE is.
// Not measured: touching the pages before, a merge after (the target is alone).
#include <sys/mman.h>

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
  char* const from = arena->block(0);
  char* const to = arena->block(pages * page_size() / pmd_size() + 2) +
                   (state.range(1) == block ? 0 : page_size());
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map(from, pages); !mapped)
      return meter.fail(state, mapped.error());
    touch(from, pages);
    const std::size_t bytes = pages * page_size();
    meter.start();
    const void* const moved = ::mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    meter.stop(state);
    if (moved == MAP_FAILED)
      return meter.fail(state, os_error("mremap"));
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    arena->clear();
  }
}

}  // namespace

const Workload mremap_move{
    .name = "mremap_move",
    .summary = "mremap of one faulted VMA to a far place",
    .kernel_path = "copy_vma, anon_vma_clone (remap), move_page_tables, unlink_anon_vmas",
    .item = "mremap",
    .arguments = {{.name = "pages"}, {.name = "align", .labels = {"page", "block"}}},
    .quick = {{1, page}, {16, page}, {512, page}, {512, block}, {1024, block}},
    .full = {{1, page},
             {2, page},
             {16, page},
             {64, page},
             {512, page},
             {4096, page},
             {32768, page},
             {1, block},
             {512, block},
             {1024, block},
             {4096, block},
             {32768, block}},
    .weight = [](const Values& v) { return v[0]; },
    .run = run,
};

}  // namespace rmaplab
