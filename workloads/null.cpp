// SPDX-License-Identifier: GPL-2.0-only
// null: nothing between the two readings of the clock.
//
// What remains is the harness: the part of every other figure that is ours.
// Not measured: anything of the kernel. Its VMA count is that of the measuring
// process itself, which every fork below copies.
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{
void run(benchmark::State& state, Meter& meter)
{
  for ([[maybe_unused]] auto _ : state) {
    meter.start();
    meter.stop(state);
  }
  const pid_t self[] = {::getpid()};
  meter.observe(self);
}
}  // namespace

const Workload null_workload{
    .name = "null",
    .summary = "nothing: what the harness itself costs",
    .kernel_path = "none",
    .patches = "none: the harness",
    .item = "empty operation",
    .quick = {{}},
    .full = {{}},
    .memory_pages = [](const Values&) -> std::int64_t { return 1; },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
