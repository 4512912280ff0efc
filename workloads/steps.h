// SPDX-License-Identifier: GPL-2.0-only
// The loop of a workload of one process that builds something, does something to it and
// looks at what came of it.
#pragma once

#include <functional>

#include "workloads/arena.h"
#include "workloads/workload.h"

namespace rmaplab
{

// In this order, once an iteration; the arena is emptied after.
struct Steps {
  std::function<Result<>()> build;
  std::function<Result<>()> act;    // what is timed
  std::function<Result<>()> check;  // the data oracle, after what `act` left was observed
};

void time_steps(benchmark::State& state, Meter& meter, const Arena& arena, const Steps& steps);

}  // namespace rmaplab
