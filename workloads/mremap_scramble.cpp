// SPDX-License-Identifier: GPL-2.0-only
// mremap_scramble: a faulted area is moved in pieces of four pages, last piece first,
// to a target without holes.
//
// Sharing: one anon_vma; every piece keeps the page offset of its old place, so no
// two neighbours merge and each move leaves one VMA more.
// Kernel: __split_vma() > anon_vma_clone() (split), copy_vma() > anon_vma_clone()
// (remap), move_page_tables(), unlink_anon_vmas(). The case that series 2
// (MREMAP_RELOCATE_ANON) is about. Figures are per move.
// Not measured: touching the area before; the limit of vm.max_map_count.
#include <sys/mman.h>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPiecePages = 4;

bool scramble(const Arena& arena, std::size_t pieces, std::size_t target_page)
{
  const std::size_t bytes = kPiecePages * page_size();
  for (std::size_t i = 0; i < pieces; ++i) {
    char* const from = arena.at((pieces - 1 - i) * kPiecePages);
    char* const to = arena.at(target_page + i * kPiecePages);
    if (::mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
      return false;
  }
  return true;
}

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t pieces = range_of(state, 0);
  const std::size_t pages = pieces * kPiecePages;
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map(arena->at(0), pages); !mapped)
      return meter.fail(state, mapped.error());
    touch(arena->at(0), pages);
    meter.start();
    const bool moved = scramble(*arena, pieces, 2 * pages);
    meter.stop(state);
    if (!moved)
      return meter.fail(state, os_error("mremap of a piece"));
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    arena->clear();
  }
}

}  // namespace

const Workload mremap_scramble{
    .name = "mremap_scramble",
    .summary = "pieces of a faulted area moved in reverse order: VMAs that never merge",
    .kernel_path = "__split_vma, copy_vma, anon_vma_clone, move_page_tables, unlink_anon_vmas",
    .item = "mremap",
    .arguments = {{.name = "moves"}},
    .quick = {{10}, {100}, {1000}},
    .full = {{10}, {30}, {100}, {300}, {1000}, {2000}, {10000}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 4; },
    .run = run,
};

}  // namespace rmaplab
