// SPDX-License-Identifier: GPL-2.0-only
// ksm_walk: a KSM page that is mapped twice in an area of V VMAs goes to another NUMA
// node.
//
// Sharing: V VMAs of one page, by mprotect of every second, all of one anon_vma. The first
// and the last page hold the same, and KSM has made them one.
// Kernel: rmap_walk_ksm() twice, try_to_migrate() and remove_migration_ptes(), root
// read-locked. A page of KSM has no index of its own, so before 7.3 each walk visits every
// edge of the anon_vma for each of the two mappings: 4 V visits to find two page table
// entries, where rmap_walk_anon() goes down a tree. 20 000 such VMAs held the lock for 0.2 s
// in production (xu xin, 2026). None of the two series changes it; it is what a writer
// under the same root waits for. Figures are per page sent.
// Not measured: the merge before, for which ksmd is awake and this process spins, so that
// a guest never idles; the way to the second node. Mergeable are those two pages only.
#include <cstring>

#include "workloads/ksm.h"
#include "workloads/numa.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kMerged = 2;  // mappings of the one page

Result<> merge(char* first, char* last)
{
  for (char* page : {first, last})
    if (auto mergeable = make_mergeable(page, 1); !mergeable)
      return mergeable;
  return drive_ksmd(kMerged);
}

Result<> build(const Arena& arena, std::size_t vmas)
{
  if (auto mapped = arena.map(arena.at(0), vmas); !mapped)
    return mapped;
  touch(arena.at(0), vmas);
  std::memcpy(arena.at(vmas - 1), arena.at(0), page_size());
  return split_alternate(arena, vmas / 2);
}

Result<> check(const Arena& arena, std::size_t vmas)
{
  if (auto intact = check_pages(arena.at(0), vmas - 1); !intact)
    return intact;
  return check_pages(arena.at(vmas - 1), 1, arena.at(0));
}

void run(benchmark::State& state, Meter& meter)
{
  const std::size_t vmas = range_of(state, 0);
  const auto nodes = two_nodes();
  if (!nodes)
    return meter.fail(state, nodes.error());
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  if (auto built = build(*arena, vmas); !built)
    return meter.fail(state, built.error());
  if (auto awaited = merge(arena->at(0), arena->at(vmas - 1)); !awaited)
    return meter.fail(state, awaited.error());
  PageMove move(arena->at(0), 1);
  for ([[maybe_unused]] auto _ : state) {
    if (auto there = move.settle(nodes->away); !there)
      return meter.fail(state, there.error());
    meter.start();
    const long left = move.call(nodes->home);
    meter.stop(state);
    if (left < 0)
      return meter.fail(state, os_error("move_pages"));
    if (auto back = move.settle(nodes->home); !back)
      return meter.fail(state, back.error());
  }
  const auto merged = merged_pages_of_ours();
  if (!merged)
    return meter.fail(state, merged.error());
  meter.outcome("ksm_merged", static_cast<double>(*merged));
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  if (auto intact = check(*arena, vmas); !intact)
    return meter.fail(state, intact.error());
  arena->clear();
  // Its items hold on to the anon_vma until ksmd comes by again, after this process's end
  // too: the next case would count one freed.
  if (auto forgotten = drive_ksmd(0); !forgotten)
    meter.fail(state, forgotten.error());
}

}  // namespace

const Workload ksm_walk{
    .name = "ksm_walk",
    .summary = "a KSM page of two mappings among V VMAs goes to another NUMA node",
    .kernel_path = "rmap_walk_ksm, try_to_migrate, remove_migration_ptes",
    .patches = "control",
    .item = "page sent",
    .arguments = {{.name = "vmas"}},
    .quick = {{2}, {10}, {100}, {1000}},
    .full = {{2}, {10}, {100}, {1000}, {5000}, {20000}},
    .weight = [](const Values& v) { return v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 2 * v[0]; },
    .run = run,
    .freed_elsewhere = [](const Values&) { return kKsmdHolds; },
};

}  // namespace rmaplab
