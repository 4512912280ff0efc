// SPDX-License-Identifier: GPL-2.0-only
// The three ways to count: each takes some rows of all_counters() and counts them
// together.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "probes/counters.h"
#include "probes/papi_module.h"

namespace rmaplab
{

// The CPUs or the task that events are opened for.
struct CountedPlace {
  Reach reach = Reach::none;
  std::vector<int> cpus;  // Reach::cpus
};

class CounterRound
{
 public:
  virtual ~CounterRound() = default;
  // Refused with the reason where this row cannot join the others here.
  virtual Result<> add(std::size_t row) = 0;
  virtual void begin() = 0;
  virtual void end() = 0;
  // Value, reason, times and source of each of its rows since the last call.
  virtual void collect(std::span<CounterValue> values) = 0;
  const std::vector<std::size_t>& rows() const { return rows_; }

 protected:
  std::vector<std::size_t> rows_;
};

// perf_event_open() through libperf, one group: the events have counters all at the
// same time or none has. add() gives its errno.
std::unique_ptr<CounterRound> perf_round(const CountedPlace& place);
// 0 when an event of that reach can be opened, else the errno.
int try_perf(const CountedPlace& place);
// Descriptors of perf events that libperf opened are not for programs we execute.
void close_perf_events_on_exec();

// The kernel's own account of this process and its reaped children, whole with their
// exit; steps of 1 us. Takes software rows it has a figure for.
std::unique_ptr<CounterRound> rusage_round();

// rmaplab-papi.so, loaded; unloads with its owner. Rounds must not outlive it.
class PapiModule
{
 public:
  // Errc::unsupported where there is none, or it cannot count `events`, with PAPI's reason.
  static Result<PapiModule> load(const std::string& path, const std::vector<const char*>& events);
  PapiModule(PapiModule&& other) noexcept
      : library_(std::exchange(other.library_, nullptr)), functions_(other.functions_)
  {
  }
  PapiModule& operator=(PapiModule&&) = delete;
  ~PapiModule();
  // Rows of one scope only.
  std::unique_ptr<CounterRound> round(const CountedPlace& place, Scope scope) const;

 private:
  PapiModule(void* library, const RmaplabPapi* functions) : library_(library), functions_(functions)
  {
  }
  void* library_ = nullptr;
  const RmaplabPapi* functions_ = nullptr;
};

}  // namespace rmaplab
