// SPDX-License-Identifier: GPL-2.0-only
// fork_chain_alive: a chain of d generations, every ancestor waiting for its child.
//
// Sharing: generation g has a chain of g + 1 AVCs for each of the F VMAs, so a
// process tree of depth d holds F d(d+1)/2 + F d of them beyond the first one's.
// Kernel: anon_vma_clone() over a chain that grows, unlink_anon_vmas() likewise, all
// under one root lock a VMA. Series 1, patches 4 and 8. One operation is the whole
// chain, grown and torn down; figures are per generation.
// Not measured: reuse of an anon_vma (nobody dies early; see fork_chain_exit).
#include <sys/prctl.h>

#include <csignal>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

// In the first process: the last generation's pid has come and gone when this
// returns; 0 when all went well. `meeting` is null unless the chain is to be held.
int grow_chain(int depth, Meeting* meeting, Meter& meter)
{
  bool first = true;
  for (int generation = 1; generation <= depth; ++generation) {
    const pid_t pid = sys_fork();
    if (pid == 0) {
      first = false;
      if (meeting)
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      continue;
    }
    int status = 255;
    if (pid > 0) {
      if (meeting && first && meeting->await_arrivals(depth)) {
        std::vector<pid_t> family = {::getpid()};
        for (int i = 0; i < depth; ++i)
          family.push_back(meeting->arrived_pid(i));
        meter.observe(family);
      }
      if (meeting && first)
        meeting->release();
      if (meeting && !first && !meeting->arrive_and_wait())
        sys_exit(1);
      status = reap(pid);
    }
    if (first)
      return status;
    sys_exit(status);
  }
  if (meeting && !meeting->arrive_and_wait())
    sys_exit(1);
  sys_exit(0);
}

void run(benchmark::State& state, Meter& meter)
{
  const auto depth = static_cast<int>(state.range(0));
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  if (auto mapped = map_faulted_islands(stage->arena, range_of(state, 1)); !mapped)
    return meter.fail(state, mapped.error());

  for ([[maybe_unused]] auto _ : state) {
    meter.start();
    const int status = grow_chain(depth, nullptr, meter);
    meter.stop(state);
    if (status != 0)
      return meter.fail(state, os_error("fork chain"));
  }
  if (meter.observing() && grow_chain(depth, &stage->meeting, meter) != 0)
    meter.fail(state, os_error("observed fork chain"));
  if (auto intact = check_cow(stage->arena, range_of(state, 1)); !intact)
    meter.fail(state, intact.error());
}

}  // namespace

const Workload fork_chain_alive{
    .name = "fork_chain_alive",
    .version = 2,
    .summary = "a chain of forks, all ancestors alive: AVCs grow with the square of its depth",
    .kernel_path = "anon_vma_fork, anon_vma_clone, unlink_anon_vmas",
    .patches = "series 1: 4, 8",
    .item = "generation (fork+exit+wait)",
    .arguments = {{.name = "depth"}, {.name = "vmas"}},
    .quick = {{1, 10}, {2, 10}, {4, 10}, {8, 10}, {16, 10}},
    .beyond = {{64, 10}, {128, 10}},
    .full = {{1, 10},
             {2, 10},
             {4, 10},
             {8, 10},
             {16, 10},
             {32, 10},
             {64, 10},
             {1, 100},
             {4, 100},
             {16, 100},
             {128, 10}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * (32 + v[0] * v[1] / 4); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return v[0] * (kProcessPages + v[1] * (2 + v[0] / 16));
    },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
