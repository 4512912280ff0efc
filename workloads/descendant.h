// SPDX-License-Identifier: GPL-2.0-only
// Operations of a process at the end of a chain of forks, where each VMA that the first of
// the chain faulted has an AVC for every generation.
#pragma once

#include <functional>

#include "workloads/processes.h"
#include "workloads/told.h"
#include "workloads/workload.h"

namespace rmaplab
{

// All of a family are children of the process that measures, and their children: it has
// nothing in the arena itself. Ancestors and sharers sleep while the last one acts.
struct Family {
  std::size_t chain = 1;              // generations, so AVCs for each VMA of the last one
  std::size_t sharers = 0;            // further children of the first generation
  std::function<Result<>()> build;    // by the first generation, before it forks
  std::function<Result<>()> prepare;  // by the last, before the clock
  std::function<Result<>()> act;      // by the last, timed
  std::function<Result<>()> check;    // by the last, after what `act` left was observed
};

// A family an iteration. In the time is one futex wake and the wait for the last one's,
// the same whatever the chain.
void time_descendant(benchmark::State& state, Meter& meter, const Family& family);

}  // namespace rmaplab
