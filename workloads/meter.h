// SPDX-License-Identifier: GPL-2.0-only
// The seam between a workload and whoever measures it. A workload says where the
// operation begins and ends, and when the state it built is complete; it does
// not know what is read at those moments.
#pragma once

#include <benchmark/benchmark.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/marker.h"
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
    if (is_marked())
      wait_for_tick();
    if (hooks_.begin && warm_up_left_ == 0)
      hooks_.begin();
    begin_ = is_marked() ? instruction_count_after<Marker::begin>() : now();
  }
  void stop(benchmark::State& state)
  {
    const std::uint64_t ticks =
        (is_marked() ? instruction_count_after<Marker::end>() : now()) - begin_;
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

  // The workload could not do its work; ends its loop. Errc::unsupported: this kernel or
  // machine cannot do it, a skip. Errc::mismatch: an oracle found the kernel wrong.
  void fail(benchmark::State& state, const Error& error)
  {
    if (!failure_)
      failure_ = error;
    state.SkipWithError(to_string(error).c_str());
  }
  const std::optional<Error>& failure() const { return failure_; }

  // What came of one operation, beside its time: a metric of results/metric.cpp. One that is
  // the same for every operation ("moves_merged") goes into the rows of the state pass, a
  // noisy one into those of the bare pass, one a repetition, but not in the exact lab.
  // `site`: the part of it that the value is of, "" for all ("EBUSY" of moves_refused).
  void outcome(std::string_view metric, double value, std::string_view site = {})
  {
    outcomes_[{std::string(metric), std::string(site)}] = value;
  }
  using Outcomes = std::map<std::pair<std::string, std::string>, double>;  // metric and site
  const Outcomes& outcomes() const { return outcomes_; }

  // For the session: before a run of `warm_up` + `kept` operations, and after it.
  void reset(std::size_t warm_up, std::size_t kept)
  {
    warm_up_left_ = warm_up;
    ticks_.clear();
    ticks_.reserve(kept);  // no allocation of ours between operations
    failure_.reset();
    outcomes_.clear();
    if (clock_ == Clock::instructions)
      execute_marker<Marker::repetition>();
  }
  const std::vector<std::uint64_t>& ticks() const { return ticks_; }  // one an operation kept

 private:
  std::uint64_t now() const
  {
    return clock_ == Clock::instructions ? instruction_count() : monotonic_ns();
  }

  // Operations that count in the exact lab: what a plugin of QEMU is to see.
  bool is_marked() const { return clock_ == Clock::instructions && warm_up_left_ == 0; }

  Clock clock_;
  Observer observer_;
  Hooks hooks_;
  std::vector<std::uint64_t> ticks_;
  std::size_t warm_up_left_ = 0;
  std::uint64_t begin_ = 0;
  std::optional<Error> failure_;
  Outcomes outcomes_;
};

}  // namespace rmaplab
