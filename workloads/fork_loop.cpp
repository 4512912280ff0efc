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

Result<> check_cow(const Arena& arena, std::size_t islands)
{
  auto each = [&](auto&& check) -> Result<> {
    for (std::size_t i = 0; i < islands; ++i)
      if (auto good = check(arena.island(i, kIslandPages)); !good)
        return good;
    return ok();
  };
  constexpr Mark kChild{.generation = 1, .writer = 1};
  auto as_parent_wrote = [](const char* island) { return check_pages(island, kIslandPages); };
  auto child = run_in_child([&] {
    return each([&](char* island) -> Result<> {
      if (auto intact = as_parent_wrote(island); !intact)
        return intact;
      touch(island, kIslandPages, kChild);
      return check_pages(island, kIslandPages, kChild);
    });
  });
  return child ? each(as_parent_wrote) : child;
}

}  // namespace rmaplab
