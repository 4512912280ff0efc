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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <new>

#include "workloads/numa.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Root : std::int64_t { shared_root, private_root };

// In memory that all share.
struct Shared {
  std::atomic<std::uint32_t> over = 0;
  std::atomic<std::uint32_t> failed = 0;
  std::atomic<std::int64_t> sleeps = 0;
};

struct Scene {
  const Arena& arena;
  Meeting& siblings;  // wait in here for the end
  Meeting& walkers;   // turns: 2i + 1, both walk; 2i + 2, the second has
  Shared& shared;
  TwoNodes nodes;
  std::size_t pages;  // of each half
  Root root;

  char* half(std::size_t i) const { return arena.at(i * (pages + (root == private_root ? 1 : 0))); }
  // There and back again.
  int target(std::uint32_t round) const { return round % 2 ? nodes.home : nodes.away; }
};

std::int64_t sleeps_until_now()
{
  struct rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nvcsw;
}

bool walk(PageMove& move, const Scene& scene, std::uint32_t round)
{
  const std::int64_t before = sleeps_until_now();
  const bool good = move.call(scene.target(round)) == 0;
  scene.shared.sleeps += sleeps_until_now() - before;
  return good;
}

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

// Life of the second walker.
[[noreturn]] void walk_in_turns(const Scene& scene, pid_t whose)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_worker(1);
  PageMove move(scene.half(1), scene.pages, whose);
  scene.arena.clear();  // its own copies: no part of what is walked through
  for (std::uint32_t round = 0;; ++round) {
    if (!scene.walkers.wait_turn(2 * round + 1))
      sys_exit(1);
    if (scene.shared.over)
      sys_exit(0);
    if (!walk(move, scene, round))
      scene.shared.failed = 1;
    if (scene.shared.over)  // the first has given up
      sys_exit(0);
    scene.walkers.set_turn(2 * round + 2);
  }
}

Result<> iterate(const Scene& scene, std::uint32_t round, PageMove& move, benchmark::State& state,
                 Meter& meter)
{
  scene.shared.sleeps = 0;
  meter.start();
  scene.walkers.set_turn(2 * round + 1);
  const bool first = walk(move, scene, round);
  const bool second = scene.walkers.wait_turn(2 * round + 2) && !scene.shared.failed;
  meter.stop(state);
  if (!first || !second)
    return Error{.code = Errc::os, .context = "a walker could not send all of its pages"};
  meter.outcome("walk_sleeps", static_cast<double>(scene.shared.sleeps));
  return ok();
}

Result<> walk_rounds(const Scene& scene, benchmark::State& state, Meter& meter)
{
  for (const std::size_t i : {0, 1})
    if (auto home = PageMove(scene.half(i), scene.pages).settle(scene.nodes.home); !home)
      return home;
  PageMove move(scene.half(0), scene.pages);
  std::uint32_t round = 0;
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(scene, round++, move, state, meter); !done)
      return done;
  scene.shared.over = 1;
  scene.walkers.set_turn(2 * round + 1);
  return ok();
}

Result<> run_family(const Scene& scene, int siblings, benchmark::State& state, Meter& meter)
{
  if (auto built = build(scene); !built)
    return built;
  const pid_t self = ::getpid();
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
  const pid_t walker = all ? sys_fork() : -1;
  if (walker == 0)
    walk_in_turns(scene, self);
  auto done = walker > 0 ? walk_rounds(scene, state, meter)
                         : Result<>(os_error("fork the siblings and the second walker"));
  if (done) {
    children.insert(children.begin(), self);
    meter.observe(children);
    children.erase(children.begin());
  }
  scene.shared.over = 1;
  scene.walkers.set_turn(~std::uint32_t{0} >> 1);
  scene.siblings.release();
  bool good = walker <= 0 || reap(walker) == 0;
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
  auto walkers = Meeting::create();
  if (!walkers)
    return walkers.error();
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return os_error("mmap a shared page");
  const Scene scene{.arena = stage->arena,
                    .siblings = stage->meeting,
                    .walkers = *walkers,
                    .shared = *new (memory) Shared,
                    .nodes = *nodes,
                    .pages = range_of(state, 1),
                    .root = Root{state.range(2)}};
  auto done = run_family(scene, siblings, state, meter);
  if (done)
    for (const std::size_t i : {0, 1})
      if (auto intact = check_pages(scene.half(i), scene.pages); !intact)
        done = intact;
  ::munmap(memory, sizeof(Shared));
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
