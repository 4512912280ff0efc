// SPDX-License-Identifier: GPL-2.0-only
// The seam between a workload and whoever measures it. A workload says where the
// operation begins and ends, and when the state it built is complete; it does
// not know what is read at those moments.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/ticks.h"

namespace rmaplab
{

enum class Clock {
  monotonic,     // ns
  instructions,  // exact lab only
};

class Meter
{
 public:
  // Called with the live processes whose state is to be read, ours included.
  using Observer = std::function<void(std::span<const pid_t>)>;
  // Called outside of what is timed, around each operation that counts.
  struct Hooks {
    std::function<void()> begin;
    std::function<void()> end;
  };

  explicit Meter(Clock clock) : clock_(clock) {}

  // Around the operation, once an iteration. A count of instructions begins right
  // after a timer tick, or its median would depend on how many of the operations
  // happened to hold one (30 thousand instructions on 6.19).
  void start()
  {
    if (clock_ == Clock::instructions && warm_up_left_ == 0)
      wait_for_tick();
    if (hooks_.begin && warm_up_left_ == 0)
      hooks_.begin();
    begin_ = now();
  }
  void stop(benchmark::State& state)
  {
    const std::uint64_t ticks = now() - begin_;
    if (hooks_.end && warm_up_left_ == 0)
      hooks_.end();
    state.SetIterationTime(static_cast<double>(ticks) * 1e-9);
    if (warm_up_left_ > 0)
      --warm_up_left_;
    else
      ticks_.push_back(ticks);
  }

  // True in a pass that reads state: keep what the operation built alive, with
  // its processes at rest, until observe() has returned.
  bool observing() const { return static_cast<bool>(observer_); }
  void observe(std::span<const pid_t> processes)
  {
    if (observer_)
      observer_(processes);
  }
  void set_observer(Observer observer) { observer_ = std::move(observer); }
  void set_hooks(Hooks hooks) { hooks_ = std::move(hooks); }

  // The workload could not do its work; ends its loop.
  void fail(benchmark::State& state, const Error& error)
  {
    error_ = to_string(error);
    state.SkipWithError(error_.c_str());
  }
  const std::string& error() const { return error_; }

  // For the session: before a run of `warm_up` + `kept` operations, and after it.
  void reset(std::size_t warm_up, std::size_t kept)
  {
    warm_up_left_ = warm_up;
    ticks_.clear();
    ticks_.reserve(kept);  // no allocation of ours between operations
    error_.clear();
  }
  const std::vector<std::uint64_t>& ticks() const { return ticks_; }  // one an operation kept

 private:
  std::uint64_t now() const
  {
    return clock_ == Clock::instructions ? instruction_count() : monotonic_ns();
  }

  Clock clock_;
  Observer observer_;
  Hooks hooks_;
  std::vector<std::uint64_t> ticks_;
  std::size_t warm_up_left_ = 0;
  std::uint64_t begin_ = 0;
  std::string error_;
};

}  // namespace rmaplab
