// SPDX-License-Identifier: GPL-2.0-only
// fork_chain_exit: each generation forks the next and exits; d generations.
//
// Sharing: a daemon that forks itself away for ever (Daniel Forrest, 2012: slab
// growth without bound; fixed by reuse of childless anon_vmas, Linux commit
// 7a3ef208e662 (in v3.19)). Chains stay short only while reuse works.
// Kernel: anon_vma_clone() with maybe_reuse_anon_vma(), unlink_anon_vmas().
// Series 1, patches 2 and 9. A generation forks once its parent's memory is gone, so
// the count of eligible anon_vmas is the same in every run; the first process reaps
// as a subreaper. Figures are per generation and hold one futex wake and wait each.
// Not measured: growth with all ancestors alive (see fork_chain_alive).
#include <sys/prctl.h>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

// Generation g: waits for its turn, forks g + 1, exits. The last one may be held.
[[noreturn]] void live_generations(int depth, Meeting& meeting, bool hold_last)
{
  for (int generation = 1;; ++generation) {
    if (!meeting.wait_turn(static_cast<std::uint32_t>(generation)))
      sys_exit(1);
    if (generation == depth)
      sys_exit(hold_last && !meeting.arrive_and_wait() ? 1 : 0);
    const pid_t pid = sys_fork();
    if (pid != 0)
      sys_exit(pid < 0 ? 1 : 0);
  }
}

int run_chain(int depth, Meeting& meeting, Meter* observer)
{
  meeting.reset();
  const pid_t first = sys_fork();
  if (first == 0)
    live_generations(depth, meeting, observer != nullptr);
  if (first < 0)
    return 255;
  for (int generation = 1; generation <= depth; ++generation) {
    meeting.set_turn(static_cast<std::uint32_t>(generation));
    if (observer && generation == depth && meeting.await_arrivals(1)) {
      const pid_t family[] = {::getpid(), meeting.arrived_pid(0)};
      observer->observe(family);
      meeting.release();
    }
    if (const int status = reap(-1); status != 0)
      return status;
  }
  return 0;
}

void run(benchmark::State& state, Meter& meter)
{
  const auto depth = static_cast<int>(state.range(0));
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  if (auto mapped = map_faulted_islands(stage->arena, range_of(state, 1)); !mapped)
    return meter.fail(state, mapped.error());
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
    return meter.fail(state, os_error("become a subreaper"));

  for ([[maybe_unused]] auto _ : state) {
    meter.start();
    const int status = run_chain(depth, stage->meeting, nullptr);
    meter.stop(state);
    if (status != 0)
      return meter.fail(state, os_error("fork chain"));
  }
  if (meter.observing() && run_chain(depth, stage->meeting, &meter) != 0)
    meter.fail(state, os_error("observed fork chain"));
  if (auto intact = check_cow(stage->arena, range_of(state, 1)); !intact)
    meter.fail(state, intact.error());
}

}  // namespace

const Workload fork_chain_exit{
    .name = "fork_chain_exit",
    .version = 2,
    .summary = "each generation forks the next and exits: reuse keeps the AVCs bounded",
    .kernel_path = "anon_vma_clone with maybe_reuse_anon_vma, unlink_anon_vmas",
    .patches = "series 1: 2, 9",
    .item = "generation (wake+fork+exit+wait)",
    .arguments = {{.name = "depth"}, {.name = "vmas"}},
    .quick = {{1, 10}, {2, 10}, {4, 10}, {8, 10}, {16, 10}, {32, 10}},
    .beyond = {{128, 10}},
    .full = {{1, 10},
             {2, 10},
             {4, 10},
             {8, 10},
             {16, 10},
             {32, 10},
             {64, 10},
             {128, 10},
             {1, 100},
             {4, 100},
             {16, 100},
             {64, 100}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * (32 + v[1]); },
    .memory_pages = [](const Values& v) -> std::int64_t { return 4 * (kProcessPages + 2 * v[1]); },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
