// SPDX-License-Identifier: GPL-2.0-only
// vma_life: F anonymous VMAs are mapped, written to and unmapped, one after the other, all at
// one place.
//
// Sharing: one process, and an anon_vma, an AVC and a VMA for each: what one faulted VMA costs,
// with nobody else. slab_bytes of its state are those F times three objects, alive together,
// object_bytes_* what each takes in its slab: memory that a field more costs every VMA of
// every process.
// Kernel: mmap_region(), __anon_vma_prepare() at the first write, unlink_anon_vmas(). Series 1,
// patch 4; nothing merges, clones or waits. Figures are per VMA, with one page fault.
// Not measured: VMAs of more than a page; page tables; many alive at once while it is timed.
#include <fmt/format.h>
#include <sys/mman.h>

#include "base/files.h"
#include "base/text.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

// All at one place, beside a page that stays, so that no page-table page is freed: that is done
// after a grace period of RCU, and how many of them end while it is timed is another one in each
// placement of the kernel (seen: -2.3 to +2.7 % of vmas=1000).
Result<> live_once(const Arena& arena, std::size_t vmas)
{
  char* const page = arena.island(1, kIslandPages);
  for (std::size_t i = 0; i < vmas; ++i) {
    if (auto mapped = arena.map(page, kIslandPages); !mapped)
      return mapped;
    touch(page, kIslandPages);
    if (::munmap(page, kIslandPages * page_size()) < 0)
      return os_error("munmap");
  }
  return ok();
}

// Of a kernel that tells them: SLUB with sysfs. Debugging's additions and what alignment
// takes are in them.
void tell_sizes(Meter& meter)
{
  for (const char* cache : {"vm_area_struct", "anon_vma", "anon_vma_chain"}) {
    const auto text = read_file(fmt::format("/sys/kernel/slab/{}/slab_size", cache));
    if (const auto bytes = text ? parse_u64(trim(*text)) : std::nullopt)
      meter.outcome(fmt::format("object_bytes_{}", cache), static_cast<double>(*bytes));
  }
}

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t vmas = range_of(state, 0);
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  if (auto stays = map_faulted_islands(*arena, 1); !stays)
    return meter.fail(state, stays.error());
  for ([[maybe_unused]] auto _ : state) {
    meter.start();
    const auto lived = live_once(*arena, vmas);
    meter.stop(state);
    if (!lived)
      return meter.fail(state, lived.error());
  }
  arena->clear();
  if (auto mapped = map_faulted_islands(*arena, vmas); !mapped)
    return meter.fail(state, mapped.error());
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  tell_sizes(meter);
  for (std::size_t i = 0; i < vmas; ++i)
    if (auto intact = check_pages(arena->island(i, kIslandPages), kIslandPages); !intact)
      return meter.fail(state, intact.error());
}

}  // namespace

const Workload vma_life{
    .name = "vma_life",
    .summary = "F VMAs are mapped, written to and unmapped; what their objects take",
    .kernel_path = "mmap_region, __anon_vma_prepare, unlink_anon_vmas",
    .patches = "series 1: 4",
    .item = "VMA",
    .arguments = {{.name = "vmas"}},
    .quick = {{1}, {100}, {1000}},
    .full = {{1}, {10}, {100}, {1000}, {10000}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 4 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 3 * v[0]; },
    .run = run,
    .core = true,
    .late = true,
};

}  // namespace rmaplab
