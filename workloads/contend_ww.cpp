// SPDX-License-Identifier: GPL-2.0-only
// contend_ww: N processes of one parent write-lock the same anon_vma root at once.
//
// Sharing, root=shared: the parent faults one VMA and then forks N processes, so that
// all anon_vmas of its copies have one root. op=split: each splits its copy with
// mprotect and merges it again. op=fork: the parent cut the faulted VMA with mprotect
// into 64 that share its anon_vma, and each process forks, exits and reaps children:
// 64 VMAs to clone and unlink under that one root, waits long enough to sleep.
// root=private is the control: each process maps and faults (and cuts) memory of its
// own after the fork, so that its root is its own. The VMAs of the program still have
// common roots there: forks of the control wait a little.
// Kernel: split: anon_vma_clone(), vma_prepare(), vma_complete(), unlink_anon_vmas();
// fork: anon_vma_clone(), anon_vma_fork(), unlink_anon_vmas(). Series 1, patches 4, 8, 9.
// One operation is the whole parallel phase, from the release of the N processes until
// all are done; figures are per split+merge or per fork. On one CPU (exact lab) it is
// path length alone.
// Not measured: making and ending the N processes, mapping and faulting. The waiting
// itself is lock contention's to tell (probes/lock_contention.h), and only in part: a
// writer that spins for an rwsem leaves no event. Compare the figures of both roots.
#include <sys/mman.h>
#include <sys/prctl.h>

#include <csignal>
#include <vector>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Op : std::int64_t { by_split, by_fork };
enum Root : std::int64_t { shared_root, private_root };

constexpr std::size_t kForkVmas = 64;
constexpr std::size_t kSplitPages = 3;  // the middle one is cut out and merged back

// What one process does in one phase. Some tens of milliseconds for eight processes on
// two CPUs, so that they do overlap.
constexpr std::int64_t operations_of(std::int64_t op)
{
  return op == by_split ? 500 : 20;
}

Result<> build(const Arena& arena, Op op)
{
  const std::size_t pages = op == by_split ? kSplitPages : kForkVmas;
  if (auto mapped = arena.map(arena.at(0), pages); !mapped)
    return mapped;
  touch(arena.at(0), pages);
  return op == by_split ? ok() : split_alternate(arena, kForkVmas / 2);
}

bool split_and_merge(const Arena& arena)
{
  return ::mprotect(arena.at(1), page_size(), PROT_READ) == 0 &&
         ::mprotect(arena.at(1), page_size(), PROT_READ | PROT_WRITE) == 0;
}

bool fork_and_reap()
{
  const pid_t pid = sys_fork();
  if (pid == 0)
    sys_exit(0);
  return pid > 0 && reap(pid) == 0;
}

// Life of one of the N processes: its exit status.
int contend(const Arena& arena, Op op, Root root, std::size_t worker, Meeting& ready, Meeting& done)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_worker(worker);
  bool good = root == shared_root || build(arena, op);
  good = ready.arrive_and_wait() && good;
  for (std::int64_t left = operations_of(op); good && left > 0; --left)
    good = op == by_split ? split_and_merge(arena) : fork_and_reap();
  return done.arrive_and_wait() && good ? 0 : 1;
}

// One phase, from fork to reaping.
Result<> iterate(const Arena& arena, benchmark::State& state, Meter& meter, Meeting& ready,
                 Meeting& done)
{
  const auto procs = static_cast<int>(state.range(0));
  const Op op{state.range(1)};
  const Root root{state.range(2)};
  ready.reset();
  done.reset();
  if (root == shared_root)
    if (auto built = build(arena, op); !built)
      return built;
  std::vector<pid_t> family = {::getpid()};
  while (static_cast<int>(family.size()) <= procs) {
    const pid_t pid = sys_fork();
    if (pid == 0)
      sys_exit(contend(arena, op, root, family.size(), ready, done));
    if (pid < 0)
      break;
    family.push_back(pid);
  }
  const int forked = static_cast<int>(family.size()) - 1;
  const bool together = forked == procs && ready.await_arrivals(procs);
  meter.start();
  ready.release();
  const bool finished = done.await_arrivals(forked);
  meter.stop(state);
  if (together && finished)
    meter.observe(family);
  done.release();
  bool good = together && finished;
  for (int i = 1; i <= forked; ++i)
    good = reap(family[static_cast<std::size_t>(i)]) == 0 && good;
  arena.clear();
  if (!good)
    return Error{.code = Errc::os, .context = "one of the processes could not do its work"};
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  auto done = Meeting::create();
  if (!done)
    return meter.fail(state, done.error());
  for ([[maybe_unused]] auto _ : state)
    if (auto phase = iterate(stage->arena, state, meter, stage->meeting, *done); !phase)
      return meter.fail(state, phase.error());
}

}  // namespace

const Workload contend_ww{
    .name = "contend_ww",
    .version = 2,
    .summary = "N processes split and merge, or fork, under one anon_vma root or each its own",
    .kernel_path = "anon_vma_clone, anon_vma_fork, vma_prepare, unlink_anon_vmas",
    .patches = "series 1: 4, 8, 9",
    .item = "split+merge or fork+exit+wait",
    .arguments = {{.name = "procs"},
                  {.name = "op", .labels = {"split", "fork"}},
                  {.name = "root", .labels = {"shared", "private"}}},
    .quick = {{2, by_split, shared_root},
              {8, by_split, shared_root},
              {8, by_split, private_root},
              {2, by_fork, shared_root},
              {8, by_fork, shared_root},
              {8, by_fork, private_root}},
    .full = {{2, by_split, shared_root},
             {4, by_split, shared_root},
             {8, by_split, shared_root},
             {2, by_split, private_root},
             {4, by_split, private_root},
             {8, by_split, private_root},
             {2, by_fork, shared_root},
             {4, by_fork, shared_root},
             {8, by_fork, shared_root},
             {2, by_fork, private_root},
             {4, by_fork, private_root},
             {8, by_fork, private_root}},
    .items = [](const Values& v) { return v[0] * operations_of(v[1]); },
    .weight = [](const Values& v) -> std::int64_t {
      return v[0] * operations_of(v[1]) * (v[1] == by_split ? 4 : 32 + std::int64_t{kForkVmas});
    },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return 2 * v[0] * (kProcessPages + 2 * std::int64_t{kForkVmas});
    },
    .run = run,
    .core = true,
    .contends = true,
    .control =
        [](const Values& v) {
          return Values{v[0], v[1], private_root};
        },
};

}  // namespace rmaplab
