// SPDX-License-Identifier: GPL-2.0-only
// teardown: F faulted VMAs go away, by munmap or by the exit or execve of a child that
// shares them, with S siblings sharing them still.
//
// Sharing: munmap: chains of one AVC, in the first process, whose anon_vmas are the
// roots of the siblings' own. exit, exec: chains of two, as fork left them.
// Kernel: unlink_anon_vmas() from free_pgtables(), root write-locked once a VMA; from
// exec_mmap() in execve, which has the new program's stack by then. Series 1, patches 4
// and 5. One operation is the whole teardown; exit holds one futex wake and the wait for
// the child, exec these, execve of a program of one page that exits at once
// (workloads/tiny_program.cpp), and its exit.
// Not measured: building the VMAs, the forks before; loading a program.
#include <sys/mman.h>
#include <sys/prctl.h>

#include <csignal>

#include "workloads/rows.h"
#include "workloads/tiny_program.h"

namespace rmaplab
{

namespace
{

enum Way : std::int64_t { by_munmap, by_exit, by_exec };

// A child that waits at the meeting and exits when released, through `program` if any.
pid_t fork_waiting(Meeting& meeting, const UniqueFd* program = nullptr)
{
  const pid_t pid = sys_fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const bool released = meeting.arrive_and_wait();
    if (released && program)
      exec_tiny_program(*program);
    sys_exit(released && !program ? 0 : 1);
  }
  return pid;
}

struct Family {
  Meeting& siblings;
  Meeting& victim;
  std::size_t sibling_count;
  const UniqueFd* program;  // null: the victim exits without one
};

// One build, timed teardown and clean-up. Nothing when it went well.
Result<> iterate(const Arena& arena, benchmark::State& state, Meter& meter, Family& family)
{
  const std::size_t vmas = range_of(state, 0);
  if (auto mapped = map_faulted_islands(arena, vmas); !mapped)
    return mapped;
  family.siblings.reset();
  family.victim.reset();
  std::vector<pid_t> pids;
  for (std::size_t i = 0; i < family.sibling_count; ++i) {
    pids.push_back(fork_waiting(family.siblings));
    if (pids.back() < 0)
      return os_error("fork a sibling");
  }
  if (!family.siblings.await_arrivals(static_cast<int>(pids.size())))
    return Error{.code = Errc::os, .context = "siblings did not start"};

  int status = 0;
  if (state.range(1) == by_munmap) {
    meter.start();
    status = ::munmap(arena.at(0), vmas * (kIslandPages + 1) * page_size());
    meter.stop(state);
  } else {
    const pid_t child = fork_waiting(family.victim, family.program);
    if (child < 0 || !family.victim.await_arrivals(1))
      return os_error("fork the child that is to exit");
    meter.start();
    family.victim.release();
    status = reap(child);
    meter.stop(state);
  }
  if (status != 0)
    return os_error("tear down");
  std::vector<pid_t> alive = {::getpid()};
  alive.insert(alive.end(), pids.begin(), pids.end());
  meter.observe(alive);
  family.siblings.release();
  for (const pid_t pid : pids)
    reap(pid);
  arena.clear();
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto siblings = Meeting::create();
  if (!siblings)
    return meter.fail(state, siblings.error());
  auto victim = Meeting::create();
  if (!victim)
    return meter.fail(state, victim.error());
  const bool with_exec = state.range(1) == by_exec;
  auto program = with_exec ? make_tiny_program() : Result<UniqueFd>(UniqueFd());
  if (!program)
    return meter.fail(state, program.error());
  Family family{.siblings = *siblings,
                .victim = *victim,
                .sibling_count = range_of(state, 2),
                .program = with_exec ? &*program : nullptr};
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(*arena, state, meter, family); !done)
      return meter.fail(state, done.error());
}

}  // namespace

const Workload teardown{
    .name = "teardown",
    .version = 2,
    .summary = "F faulted VMAs go away, by munmap, exit or execve, siblings sharing them or not",
    .kernel_path = "free_pgtables, unlink_anon_vmas; exec_mmap",
    .patches = "series 1: 4, 5",
    .item = "teardown",
    .arguments = {{.name = "vmas"},
                  {.name = "way", .labels = {"munmap", "exit", "exec"}},
                  {.name = "siblings"}},
    .quick = {{1, by_munmap, 0},
              {16, by_munmap, 0},
              {256, by_munmap, 0},
              {1, by_exit, 0},
              {16, by_exit, 0},
              {256, by_exit, 0},
              {1, by_exec, 0},
              {256, by_exec, 0},
              {64, by_munmap, 4},
              {64, by_exit, 4}},
    .beyond = {{1024, by_munmap, 0}, {1024, by_exit, 0}},
    .full = {{1, by_munmap, 0},
             {16, by_munmap, 0},
             {64, by_munmap, 0},
             {256, by_munmap, 0},
             {1024, by_munmap, 0},
             {1, by_exit, 0},
             {16, by_exit, 0},
             {64, by_exit, 0},
             {256, by_exit, 0},
             {1024, by_exit, 0},
             {1, by_exec, 0},
             {256, by_exec, 0},
             {1024, by_exec, 0},
             {64, by_munmap, 1},
             {64, by_munmap, 4},
             {64, by_munmap, 16},
             {64, by_exit, 1},
             {64, by_exit, 4},
             {64, by_exit, 16}},
    .weight = [](const Values& v) -> std::int64_t { return (32 + v[0]) * (2 + v[2]); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (2 + v[2]) * (kProcessPages + 2 * v[0]);
    },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
