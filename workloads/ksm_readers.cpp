// SPDX-License-Identifier: GPL-2.0-only
// ksm_readers: two processes send pages of KSM to another NUMA node at the same time, from
// below one anon_vma root: readers, who do not wait for each other.
//
// Sharing: V VMAs of one page, by mprotect of every second, all of one anon_vma. The first 2P
// pages hold what the last 2P hold, and KSM has made them 2P pages of two mappings each. The
// first process sends P of them while a second one, which maps none, sends the other P.
// root=shared: that one area. root=private is the control: two such areas, each with a root of
// its own and P of the pages.
// Kernel: rmap_walk_ksm() twice a page, root read-locked for each mapping by itself: before 7.3 a
// visit of every edge of the anon_vma (see ksm_walk). On one CPU too (exact lab): as in
// walk_readers, where a walk shuts the other out, the other sleeps: walk_sleeps. It is a lock of
// its own call: rmap_walk_anon() may read where this one writes, and the other way round. None of
// the two series changes it. Figures are per page sent.
// Not measured: the merge before, the fork of the second process, writers beside the walks.
#include <algorithm>
#include <cstring>

#include "workloads/ksm.h"
#include "workloads/rows.h"
#include "workloads/walk_pair.h"

namespace rmaplab
{

namespace
{

enum Root : std::int64_t { shared_root, private_root };

struct Scene {
  const Arena& arena;
  std::size_t vmas;   // of an area
  std::size_t pages;  // that a process sends
  Root root;

  std::size_t areas() const { return root == private_root ? 2 : 1; }
  std::size_t page_of(std::size_t i) const { return root == private_root ? i * (vmas + 1) : 0; }
  char* area(std::size_t i) const { return arena.at(page_of(i)); }
  // The pages of process i, and the same again at the area's end.
  char* sent(std::size_t i) const { return area(i) + i * pages * page_size(); }
  char* again(std::size_t i) const { return sent(i) + (vmas - 2 * pages) * page_size(); }
};

Result<> build(const Scene& scene)
{
  for (std::size_t i = 0; i < scene.areas(); ++i) {
    if (auto mapped = scene.arena.map(scene.area(i), scene.vmas); !mapped)
      return mapped;
    touch(scene.area(i), scene.vmas);
  }
  for (const std::size_t i : {0, 1})
    std::memcpy(scene.again(i), scene.sent(i), scene.pages * page_size());
  for (std::size_t i = 0; i < scene.areas(); ++i)
    if (auto done = split_alternate(scene.arena, scene.vmas / 2, scene.page_of(i)); !done)
      return done;
  for (const std::size_t i : {0, 1})
    for (char* at : {scene.sent(i), scene.again(i)})
      if (auto mergeable = make_mergeable(at, scene.pages); !mergeable)
        return mergeable;
  return drive_ksmd(4 * scene.pages);
}

Result<> check(const Scene& scene)
{
  for (std::size_t i = 0; i < scene.areas(); ++i)
    if (auto intact = check_pages(scene.area(i), scene.vmas - 2 * scene.pages); !intact)
      return intact;
  for (const std::size_t i : {0, 1})
    if (auto intact = check_pages(scene.again(i), scene.pages, scene.sent(i)); !intact)
      return intact;
  return ok();
}

Result<> walk(const Scene& scene, WalkPair& walkers, benchmark::State& state, Meter& meter)
{
  if (auto built = build(scene); !built)
    return built;
  if (auto begun = walkers.begin(scene.arena, scene.sent(0), scene.sent(1), scene.pages); !begun)
    return begun;
  if (auto walked = walkers.run(state, meter); !walked)
    return walked;
  const auto merged = merged_pages_of_ours();
  if (!merged)
    return merged.error();
  meter.outcome("ksm_merged", static_cast<double>(*merged));
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  return check(scene);
}

Result<> run_scene(benchmark::State& state, Meter& meter)
{
  const auto nodes = two_nodes();
  if (!nodes)
    return nodes.error();
  auto arena = Arena::create();
  if (!arena)
    return arena.error();
  auto walkers = WalkPair::create(*nodes);
  if (!walkers)
    return walkers.error();
  const Scene scene{.arena = *arena,
                    .vmas = range_of(state, 0),
                    .pages = range_of(state, 1),
                    .root = Root{state.range(2)}};
  if (scene.pages < 1 || scene.vmas < 4 * scene.pages)
    return Error{.code = Errc::unsupported, .context = "at least four VMAs a page only"};
  const auto done = walk(scene, *walkers, state, meter);
  const bool ended = walkers->end();
  arena->clear();
  if (!done)
    return done;
  if (!ended)
    return Error{.code = Errc::os, .context = "the second walker failed"};
  return drive_ksmd(0);  // else its items hold on to the anon_vma, see ksm_walk
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = run_scene(state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload ksm_readers{
    .name = "ksm_readers",
    .summary = "two processes walk to pages of KSM below one root at the same time, or below two",
    .kernel_path = "rmap_walk_ksm, try_to_migrate, remove_migration_ptes",
    .patches = "control",
    .item = "page sent",
    .arguments = {{.name = "vmas"},
                  {.name = "pages"},
                  {.name = "root", .labels = {"shared", "private"}}},
    .quick = {{500, 64, shared_root},
              {500, 64, private_root},
              {1000, 128, shared_root},
              {1000, 128, private_root}},
    .full = {{500, 64, shared_root},
             {500, 64, private_root},
             {1000, 128, shared_root},
             {1000, 128, private_root},
             {4000, 128, shared_root},
             {4000, 128, private_root}},
    .items = [](const Values& v) { return std::max<std::int64_t>(2 * v[1], 1); },
    .weight = [](const Values& v) -> std::int64_t { return 2 * v[1] * (1 + v[0] / 50); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return 3 * kProcessPages + 2 * 2 * v[0] + 2 * v[0] / 512;
    },
    .run = run,
    .freed_elsewhere = [](const Values&) { return kKsmdHolds; },
    .core = true,
    .late = true,
    .contends = true,
    .preempted = true,
    .control =
        [](const Values& v) {
          return Values{v[0], v[1], private_root};
        },
};

}  // namespace rmaplab
