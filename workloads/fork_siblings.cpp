// SPDX-License-Identifier: GPL-2.0-only
// fork_siblings: one process forks N children that stay.
//
// Sharing: F faulted VMAs, each the root of N anon_vmas beside one another; every child's
// chain is two long. A walk from a page of the first process visits N + 1 VMAs.
// Kernel: anon_vma_fork() > anon_vma_clone(): each fork puts two more edges a VMA into
// interval trees, of which the root's has N of them already. Series 1, patches 2, 4, 8.
// One operation is all N forks, each child until it waits; figures are per fork. They grow
// with N by the insertion, and because no child leaves memory to the next (fork_flat).
// Not measured: the end of the children (teardown has it, with siblings alive).
#include <sys/prctl.h>

#include <csignal>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

// Gives back how many there are.
std::size_t fork_children(std::size_t count, Meeting& meeting)
{
  for (std::size_t i = 0; i < count; ++i) {
    const pid_t pid = sys_fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      sys_exit(meeting.arrive_and_wait() ? 0 : 1);
    }
    if (pid < 0)
      return i;
  }
  return count;
}

Result<> iterate(benchmark::State& state, Meter& meter, Meeting& meeting)
{
  const std::size_t children = range_of(state, 0);
  meeting.reset();
  meter.start();
  const std::size_t forked = fork_children(children, meeting);
  const bool there = meeting.await_arrivals(static_cast<int>(forked));
  meter.stop(state);
  const auto failed = os_error("fork a child");
  if (forked == children && there && meter.observing()) {
    std::vector<pid_t> family = {::getpid()};
    for (std::size_t i = 0; i < children; ++i)
      family.push_back(meeting.arrived_pid(static_cast<int>(i)));
    meter.observe(family);
  }
  meeting.release();
  bool good = there;
  for (std::size_t i = 0; i < forked; ++i)
    good = reap(-1) == 0 && good;
  if (forked < children)
    return failed;
  if (!good)
    return Error{.code = Errc::os, .context = "a child did not do its work"};
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  if (state.range(0) < 1 || state.range(0) > Meeting::kMostProcesses)
    return meter.fail(state, {.code = Errc::unsupported, .context = "children: 1 to 512 at once"});
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  if (auto mapped = map_faulted_islands(stage->arena, range_of(state, 1)); !mapped)
    return meter.fail(state, mapped.error());
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(state, meter, stage->meeting); !done)
      return meter.fail(state, done.error());
  if (auto intact = check_cow(stage->arena, range_of(state, 1)); !intact)
    meter.fail(state, intact.error());
}

}  // namespace

const Workload fork_siblings{
    .name = "fork_siblings",
    .summary = "N children that stay: a root with N anon_vmas below it",
    .kernel_path = "anon_vma_fork, anon_vma_clone",
    .patches = "series 1: 2, 4, 8",
    .item = "fork",
    .arguments = {{.name = "children"}, {.name = "vmas"}},
    .quick = {{10, 10}, {1, 10}, {30, 10}, {100, 10}},
    .full = {{1, 10}, {3, 10}, {10, 10}, {30, 10}, {100, 10}, {300, 10}, {10, 100}},
    .items = [](const Values& v) { return std::max<std::int64_t>(v[0], 1); },
    .weight = [](const Values& v) -> std::int64_t { return 1 + v[0] * (32 + v[1]); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (1 + v[0]) * (kProcessPages + 2 * v[1]);
    },
    .run = run,
};

}  // namespace rmaplab
