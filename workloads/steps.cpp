// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/steps.h"

#include <unistd.h>

namespace rmaplab
{

namespace
{

Result<> iterate(benchmark::State& state, Meter& meter, const Steps& steps)
{
  if (auto built = steps.build(); !built)
    return built;
  meter.start();
  auto acted = steps.act();
  meter.stop(state);
  if (!acted)
    return acted;
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  return steps.check();
}

}  // namespace

void time_steps(benchmark::State& state, Meter& meter, const Arena& arena, const Steps& steps)
{
  for ([[maybe_unused]] auto _ : state) {
    const auto done = iterate(state, meter, steps);
    arena.clear();
    if (!done)
      return meter.fail(state, done.error());
  }
}

}  // namespace rmaplab
