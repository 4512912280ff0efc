// SPDX-License-Identifier: GPL-2.0-only
// The measured loop of every workload that forks one child at a time.
#include "workloads/rows.h"

namespace rmaplab
{

void time_forks(benchmark::State& state, Meter& meter)
{
  for ([[maybe_unused]] auto _ : state) {
    meter.start();
    const pid_t pid = sys_fork();
    if (pid == 0)
      sys_exit(0);
    const int status = pid < 0 ? 255 : reap(pid);
    meter.stop(state);
    if (status != 0)
      return meter.fail(state, os_error("fork"));
  }
}

void observe_child(benchmark::State& state, Meter& meter, Meeting& meeting)
{
  meeting.reset();
  const pid_t pid = sys_fork();
  if (pid == 0)
    sys_exit(meeting.arrive_and_wait() ? 0 : 1);
  if (pid < 0)
    return meter.fail(state, os_error("fork"));
  if (meeting.await_arrivals(1)) {
    const pid_t family[] = {::getpid(), pid};
    meter.observe(family);
  }
  meeting.release();
  reap(pid);
}

}  // namespace rmaplab
