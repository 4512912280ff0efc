// SPDX-License-Identifier: GPL-2.0-only
// walk_readers: two processes walk the reverse mapping below one anon_vma root at the same
// time: readers, who do not wait for each other.
//
// Sharing: the first process writes 2P pages and forks N children, all alive, who map them. It
// sends the first half to another NUMA node while a second process, which maps none of them,
// sends the other half (move_pages(2) of another process). root=shared: one VMA, one anon_vma,
// one lock. root=private is the control: two VMAs, each with a root of its own.
// Kernel: rmap_walk_anon() twice a page, root read-locked by folio_lock_anon_vma_read() or
// rmap_walk_anon_lock(): N + 1 VMAs a walk, which is most of the time. On one CPU too (exact
// lab): a timer tick comes while a walk holds the lock, and the other process goes on. As readers
// both walk on; where a walk shuts the other out, the other sleeps until it is done, at nearly
// each tick: walk_sleeps, and the switches in the figures. With CPUs of their own two writers
// take twice the time. Series 1 leaves the walks alone: patches 4 and 8 change who waits for
// them. Figures are per page sent.
// Not measured: the forks, writers beside the walks (contend_rw).
#include <sys/prctl.h>

#include <csignal>

#include "workloads/rows.h"
#include "workloads/walk_pair.h"

namespace rmaplab
{

namespace
{

enum Root : std::int64_t { shared_root, private_root };

struct Scene {
  const Arena& arena;
  Meeting& siblings;  // wait in here for the end
  WalkPair& walkers;
  std::size_t pages;  // of each half
  Root root;

  char* half(std::size_t i) const { return arena.at(i * (pages + (root == private_root ? 1 : 0))); }
};

Result<> build(const Scene& scene)
{
  if (scene.root == shared_root) {
    if (auto mapped = scene.arena.map(scene.half(0), 2 * scene.pages); !mapped)
      return mapped;
  } else {
    for (const std::size_t i : {0, 1})
      if (auto mapped = scene.arena.map(scene.half(i), scene.pages); !mapped)
        return mapped;
  }
  for (const std::size_t i : {0, 1})
    touch(scene.half(i), scene.pages);
  return ok();
}

Result<> run_family(const Scene& scene, int siblings, benchmark::State& state, Meter& meter)
{
  if (auto built = build(scene); !built)
    return built;
  std::vector<pid_t> children;
  while (static_cast<int>(children.size()) < siblings) {
    const pid_t pid = sys_fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const bool waited = scene.siblings.arrive_and_wait();
      const bool intact =
          check_pages(scene.half(0), scene.pages) && check_pages(scene.half(1), scene.pages);
      sys_exit(waited && intact ? 0 : 1);
    }
    if (pid < 0)
      break;
    children.push_back(pid);
  }
  const bool all =
      static_cast<int>(children.size()) == siblings && scene.siblings.await_arrivals(siblings);
  auto done = all ? scene.walkers.begin(scene.arena, scene.half(0), scene.half(1), scene.pages)
                  : Result<>(os_error("fork the siblings"));
  if (done)
    done = scene.walkers.run(state, meter);
  if (done) {
    std::vector<pid_t> family = children;
    family.insert(family.begin(), ::getpid());
    meter.observe(family);
  }
  bool good = scene.walkers.end();
  scene.siblings.release();
  for (const pid_t pid : children)
    good = reap(pid) == 0 && good;
  if (done && !good)
    done = Error{.code = Errc::mismatch, .context = "a child found another content in its pages"};
  return done;
}

Result<> run_scene(benchmark::State& state, Meter& meter)
{
  const auto nodes = two_nodes();
  if (!nodes)
    return nodes.error();
  const auto siblings = static_cast<int>(state.range(0));
  if (siblings >= Meeting::kMostProcesses)
    return Error{.code = Errc::unsupported, .context = "fewer than 512 siblings only"};
  auto stage = Stage::create();
  if (!stage)
    return stage.error();
  auto walkers = WalkPair::create(*nodes);
  if (!walkers)
    return walkers.error();
  const Scene scene{.arena = stage->arena,
                    .siblings = stage->meeting,
                    .walkers = *walkers,
                    .pages = range_of(state, 1),
                    .root = Root{state.range(2)}};
  auto done = run_family(scene, siblings, state, meter);
  if (done)
    for (const std::size_t i : {0, 1})
      if (auto intact = check_pages(scene.half(i), scene.pages); !intact)
        done = intact;
  return done;
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = run_scene(state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload walk_readers{
    .name = "walk_readers",
    .summary = "two processes walk the rmap below one root at the same time, or below two",
    .kernel_path = "folio_lock_anon_vma_read, rmap_walk_anon, try_to_migrate",
    .patches = "control",
    .item = "page sent",
    .arguments = {{.name = "siblings"},
                  {.name = "pages"},
                  {.name = "root", .labels = {"shared", "private"}}},
    .quick = {{64, 512, shared_root}, {64, 512, private_root}, {16, 512, shared_root}},
    .full = {{64, 512, shared_root},
             {64, 512, private_root},
             {16, 512, shared_root},
             {16, 512, private_root},
             {256, 512, shared_root},
             {256, 512, private_root}},
    .items = [](const Values& v) { return std::max<std::int64_t>(2 * v[1], 1); },
    .weight = [](const Values& v) -> std::int64_t { return 2 * v[1] * (1 + v[0] / 8); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (2 + v[0]) * (kProcessPages + 2 * (2 * v[1] / 512 + 1)) + 6 * v[1];
    },
    .run = run,
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
