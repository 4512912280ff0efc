// SPDX-License-Identifier: GPL-2.0-only
// branched_reuse: a chain of forks in which two in the middle have died; its last process
// and one between the dead fork again.
//
// Sharing: processes 0 to D, each the child of the one before, with F faulted VMAs. Those
// of number a = D/3 and b = 2D/3 are dead: their anon_vmas, A and B of each VMA, are of no
// process, have one child and may be reused. The last process, D, has both in its chain,
// the middle one, D/2, only A. What D's child takes decides what is left for the middle's.
// Kernel: maybe_reuse_anon_vma() takes the first that may be reused in the order in which
// anon_vma_clone() walks the list. Up to 6.19 that is from the oldest on: D's child takes A
// and the middle's gets an anon_vma of its own. Since 7.0 (series 1, patch 8) each clone
// turns the list round, and D's begins with D, D - 2, D - 4 and so on: where b is among
// these, D's child takes B, the middle's takes A and no anon_vma is new. So D = 6 differs
// and D = 7 does not. first=middle: the middle's child takes A and D's takes B everywhere.
// Series 1, patches 2, 8, 9. One operation is both forks, each with two wakes; figures are
// per fork.
// Not measured: growing the chain, the end of the two and of all.
#include <sys/prctl.h>

#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum First : std::int64_t { last_first, middle_first };

constexpr int kLeastDepth = 6;  // with fewer no live process is between the dead
// Who ends up as a child of the first process: 1 and, as orphans, a + 1 and b + 1.
constexpr int kOwnChildren = 3;

enum Turn : std::uint32_t {
  grown = 1,
  a_dies,
  b_dies,
  both_dead,
  first_forks,
  first_forked,
  second_forks,
  second_forked,
};

enum Status : int { well, unable, wrong_data };

struct Chain {
  const Arena& arena;
  Meeting& meeting;
  std::size_t vmas;
  int depth;
  Turn last_forks;
  Turn middle_forks;

  int dead_a() const { return depth / 3; }
  int dead_b() const { return 2 * depth / 3; }
};

Turn next(Turn turn)
{
  return Turn{turn + 1};
}

// The data oracle of every process, once all are there: what the first wrote, then its own.
Status check_own(const Chain& chain, int number)
{
  const Mark own = {.generation = 1, .writer = static_cast<std::uint32_t>(number)};
  for (std::size_t i = 0; i < chain.vmas; ++i) {
    char* const island = chain.arena.island(i, kIslandPages);
    if (!check_pages(island, kIslandPages))
      return wrong_data;
    touch(island, kIslandPages, own);
    if (!check_pages(island, kIslandPages, own))
      return wrong_data;
  }
  return well;
}

int worse(int one, int other)
{
  return std::max(one, other);
}

// A child of process `number` that stays.
pid_t fork_again(const Chain& chain, int number, Turn turn)
{
  if (!chain.meeting.wait_turn(turn))
    return -1;
  const pid_t pid = sys_fork();
  if (pid == 0) {
    chain.meeting.set_turn(next(turn));
    sys_exit(chain.meeting.arrive_and_wait() ? check_own(chain, chain.depth + number) : unable);
  }
  return pid;
}

// In the parent of the process that dies in this turn.
int await_death(const Chain& chain, pid_t child, Turn turn)
{
  const int status = chain.meeting.wait_turn(turn) ? reap(child) : unable;
  chain.meeting.set_turn(next(turn));
  return status;
}

// Life of the processes from 1 on: each forks the next one.
[[noreturn]] void live(const Chain& chain)
{
  Meeting& meeting = chain.meeting;
  int number = 1;
  pid_t child = 0;
  while (number < chain.depth && (child = sys_fork()) == 0)
    ++number;
  int status = child < 0 ? unable : well;
  if (child < 0)
    meeting.set_turn(second_forked);  // nobody is to wait for those who are missing
  if (number == chain.depth)
    meeting.set_turn(grown);

  if (number == chain.dead_a())
    sys_exit(meeting.wait_turn(a_dies) ? well : unable);
  if (number == chain.dead_b())
    sys_exit(meeting.wait_turn(b_dies) ? well : unable);
  const bool reaps_a = number + 1 == chain.dead_a();
  const bool reaps_b = number + 1 == chain.dead_b();
  if (reaps_a || reaps_b)
    status = worse(status, await_death(chain, child, reaps_a ? a_dies : b_dies));

  pid_t again = 0;
  if (number == chain.depth)
    again = fork_again(chain, number, chain.last_forks);
  if (number == chain.depth / 2)
    again = fork_again(chain, number, chain.middle_forks);
  if (!meeting.arrive_and_wait() || again < 0)
    status = unable;
  status = worse(status, check_own(chain, number));
  if (child > 0 && !reaps_a && !reaps_b)
    status = worse(status, reap(child));
  if (again > 0)
    status = worse(status, reap(again));
  sys_exit(status);
}

Result<> iterate(const Chain& chain, benchmark::State& state, Meter& meter)
{
  Meeting& meeting = chain.meeting;
  meeting.reset();
  const pid_t pid = sys_fork();
  if (pid == 0)
    live(chain);
  if (pid < 0)
    return os_error("fork the chain");
  bool there = meeting.wait_turn(grown);
  meeting.set_turn(a_dies);
  there = meeting.wait_turn(both_dead) && there;

  meter.start();
  meeting.set_turn(first_forks);
  there = meeting.wait_turn(first_forked) && there;
  meeting.set_turn(second_forks);
  there = meeting.wait_turn(second_forked) && there;
  meter.stop(state);

  const int alive = chain.depth;  // two less, two more
  if (meter.observing() && there && meeting.await_arrivals(alive)) {
    std::vector<pid_t> family = {::getpid()};
    for (int i = 0; i < alive; ++i)
      family.push_back(meeting.arrived_pid(i));
    meter.observe(family);
  }
  meeting.release();
  int status = there ? well : unable;
  for (int i = 0; i < kOwnChildren; ++i)
    status = worse(status, reap(-1));
  if (status == wrong_data)
    return Error{.code = Errc::mismatch,
                 .context = "a process does not find what the first wrote, or itself"};
  if (status != well)
    return Error{.code = Errc::os, .context = "a process of the chain could not do its work"};
  return ok();
}

Result<> run_chains(benchmark::State& state, Meter& meter)
{
  if (state.range(0) < kLeastDepth || state.range(0) > Meeting::kMostProcesses)
    return Error{.code = Errc::unsupported, .context = "a depth of 6 to 512 only"};
  auto stage = Stage::create();
  if (!stage)
    return stage.error();
  if (auto mapped = map_faulted_islands(stage->arena, range_of(state, 1)); !mapped)
    return mapped;
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
    return os_error("become a subreaper");
  const bool last = state.range(2) == last_first;
  const Chain chain{.arena = stage->arena,
                    .meeting = stage->meeting,
                    .vmas = range_of(state, 1),
                    .depth = static_cast<int>(state.range(0)),
                    .last_forks = last ? first_forks : second_forks,
                    .middle_forks = last ? second_forks : first_forks};
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(chain, state, meter); !done)
      return done;
  return check_cow(stage->arena, chain.vmas);
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = run_chains(state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload branched_reuse{
    .name = "branched_reuse",
    .summary = "two forks below two dead ancestors: which anon_vma each of them reuses",
    .kernel_path = "anon_vma_clone with maybe_reuse_anon_vma, anon_vma_fork",
    .patches = "series 1: 2, 8, 9",
    .item = "fork (with two wakes)",
    .arguments = {{.name = "depth"},
                  {.name = "vmas"},
                  {.name = "first", .labels = {"last", "middle"}}},
    .quick = {{6, 10, last_first}, {7, 10, last_first}, {6, 10, middle_first}},
    .full = {{6, 10, last_first},
             {7, 10, last_first},
             {8, 10, last_first},
             {9, 10, last_first},
             {12, 10, last_first},
             {24, 10, last_first},
             {6, 10, middle_first}},
    .items = [](const Values&) -> std::int64_t { return 2; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * (32 + v[0] * v[1] / 4); },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (1 + v[0]) * (kProcessPages + v[1] * (3 + v[0] / 16));
    },
    .run = run,
    .core = true,
    .late = true,
};

}  // namespace rmaplab
