// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/descendant.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <vector>

namespace rmaplab
{

namespace
{

struct Places {
  Meeting resting;  // ancestors and sharers
  Meeting ready;    // the last one, before it acts
  Meeting done;     // and after
  Told told;
};

Result<Places> create_places()
{
  auto resting = Meeting::create();
  auto ready = Meeting::create();
  auto done = Meeting::create();
  auto told = Told::create();
  if (!resting || !ready || !done || !told)
    return os_error("places to meet");
  return Places{.resting = *std::move(resting),
                .ready = *std::move(ready),
                .done = *std::move(done),
                .told = *std::move(told)};
}

void be_last(const Family& family, Places& places)
{
  auto step = [&](const std::function<Result<>()>& work) {
    if (places.told.good())
      places.told.keep(work());
  };
  step(family.prepare);
  if (!places.ready.arrive_and_wait())
    return;
  step(family.act);
  if (!places.done.arrive_and_wait())
    return;
  step(family.check);
}

[[noreturn]] void rest(Places& places)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  places.resting.arrive_and_wait();
  sys_exit(0);
}

[[noreturn]] void live(const Family& family, Places& places, std::size_t generation)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::size_t children = 0;
  auto fork_one = [&] {
    const pid_t pid = sys_fork();
    if (pid < 0)
      places.told.keep(os_error("fork one of the family"));
    children += pid > 0 ? 1 : 0;
    return pid;
  };
  if (generation == 1) {
    places.told.keep(family.build());
    for (std::size_t i = 0; i < family.sharers && places.told.good(); ++i)
      if (fork_one() == 0)
        rest(places);
  }
  const pid_t next = generation < family.chain ? fork_one() : -1;
  if (next == 0)
    live(family, places, generation + 1);
  if (next < 0)
    be_last(family, places);
  else
    places.resting.arrive_and_wait();
  for (; children > 0; --children)
    reap(-1);
  sys_exit(0);
}

Result<> time_last(benchmark::State& state, Meter& meter, const Family& family, Places& places)
{
  const std::size_t resting = family.chain - 1 + family.sharers;
  if (!places.ready.await_arrivals(1))
    return Error{.code = Errc::os, .context = "the last generation did not start"};
  if (!places.told.good())
    return places.told.result();
  if (!places.resting.await_arrivals(static_cast<int>(resting)))
    return Error{.code = Errc::os, .context = "the family is not complete"};
  meter.start();
  places.ready.release();
  const bool finished = places.done.await_arrivals(1);
  meter.stop(state);
  if (!finished)
    return Error{.code = Errc::os, .context = "the last generation did not finish"};
  std::vector<pid_t> pids = {::getpid(), places.ready.arrived_pid(0)};
  for (std::size_t i = 0; i < resting; ++i)
    pids.push_back(places.resting.arrived_pid(static_cast<int>(i)));
  meter.observe(pids);
  return ok();
}

Result<> iterate(benchmark::State& state, Meter& meter, const Family& family, Places& places)
{
  for (Meeting* meeting : {&places.resting, &places.ready, &places.done})
    meeting->reset();
  places.told.reset();
  const pid_t first = sys_fork();
  if (first == 0)
    live(family, places, 1);
  if (first < 0)
    return os_error("fork the first of a family");
  auto timed = time_last(state, meter, family, places);
  for (Meeting* meeting : {&places.ready, &places.done, &places.resting})
    meeting->release();
  const bool exited = reap(first) == 0;
  if (!timed)
    return timed;
  if (!exited)
    return Error{.code = Errc::os, .context = "the first of a family was killed"};
  return places.told.result();
}

}  // namespace

void time_descendant(benchmark::State& state, Meter& meter, const Family& family)
{
  auto places = create_places();
  if (!places)
    return meter.fail(state, places.error());
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(state, meter, family, *places); !done)
      return meter.fail(state, done.error());
}

}  // namespace rmaplab
