// SPDX-License-Identifier: GPL-2.0-only
// What the files of single workloads share: the declarations of their rows and
// the few steps that most of them begin with.
#pragma once

#include <unistd.h>

#include "workloads/arena.h"
#include "workloads/processes.h"
#include "workloads/workload.h"

namespace rmaplab
{

extern const Workload contend_ww;
extern const Workload fork_chain_alive;
extern const Workload fork_chain_exit;
extern const Workload fork_flat;
extern const Workload fork_skip;
extern const Workload mremap_move;
extern const Workload mremap_scramble;
extern const Workload null_workload;
extern const Workload remerge;
extern const Workload split_faulted;
extern const Workload teardown;
extern const Workload test_crash;
extern const Workload test_hang;

// What most workloads need before their loop.
struct Stage {
  Arena arena;
  Meeting meeting;
  static Result<Stage> create()
  {
    auto arena = Arena::create();
    if (!arena)
      return arena.error();
    auto meeting = Meeting::create();
    if (!meeting)
      return meeting.error();
    return Stage{.arena = *std::move(arena), .meeting = *std::move(meeting)};
  }
};

// Times fork+exit+wait of a child that does nothing (fork_loop.cpp).
void time_forks(benchmark::State& state, Meter& meter);
// Forks a child that stays until it and we have been observed.
void observe_child(benchmark::State& state, Meter& meter, Meeting& meeting);

// What split_faulted measures and remerge starts from: 2K pages at page 0 of the
// arena become 2K VMAs.
Result<> split_alternate(const Arena& arena, std::size_t splits);

inline std::size_t range_of(const benchmark::State& state, std::size_t i)
{
  return static_cast<std::size_t>(state.range(i));
}

}  // namespace rmaplab
