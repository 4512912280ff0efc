// SPDX-License-Identifier: GPL-2.0-only
// Page faults of this process and its children, each with its address:
// PERF_COUNT_SW_PAGE_FAULTS with PERF_SAMPLE_ADDR, every fault a sample.
//
// The kernel counts where the processor's fault enters it, before it is known whether the
// fault succeeds, and once for each time: one that has to be taken again counts again.
// Pages that the kernel itself brings in (MAP_POPULATE, mlock, get_user_pages) are not
// counted; they are in ru_minflt. A huge page, of any size, is one fault.
//
// Costs a VMA a CPU in this process, which its children do not have, and time: on 6.18 with
// two CPUs, at best, a fault took 2.4 us for 1.7 and a fork, each child inheriting an event
// a CPU, 201 us for 170. Never in a timed pass.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "probes/capability.h"
#include "probes/vma_count.h"

struct perf_evlist;
struct perf_evsel;

namespace rmaplab
{

struct PageFault {
  std::uint64_t address = 0;  // what was accessed, not the page
  pid_t pid = 0;              // process, in our PID namespace
  bool in_kernel = false;     // the kernel accessed it: copy_to_user() and the like
  bool operator==(const PageFault&) const = default;
};

struct FaultReport {
  std::vector<PageFault> faults;  // one CPU after the other, in order on each
  // Counted by the kernel but not among `faults`: the ring was full. It is the event's
  // count less the samples, for a PERF_RECORD_LOST is written only before a next sample.
  std::uint64_t lost = 0;
  bool kernel_mode_seen = false;  // false: faults taken in kernel mode are missing
};

struct ProcessFaults {
  pid_t pid = 0;
  std::uint64_t in_range = 0;
  std::uint64_t outside = 0;
  bool operator==(const ProcessFaults&) const = default;
};

struct FaultSums {
  std::uint64_t in_range = 0;
  std::uint64_t outside = 0;
  std::optional<std::uint64_t> in_kernel;  // of both; nothing where they are not seen
  std::vector<ProcessFaults> processes;    // by pid
  std::vector<std::uint64_t> of_vma;       // in the order of `vmas`
  std::uint64_t in_no_vma = 0;             // in the range, but in none of `vmas`
};

// Pure. `vmas` ascending and apart, as read_vmas() gives them. Addresses of all processes
// are laid on one another: a workload's arena is at the same place in each.
FaultSums sum_faults(const FaultReport& report, AddressRange range,
                     const std::vector<AddressRange>& vmas);

class FaultTrace
{
 public:
  // Of the calling thread and everything it starts from now on, not begun. `ring_bytes`
  // for each CPU, 24 a fault; less where less may be locked (kernel.perf_event_mlock_kb,
  // RLIMIT_MEMLOCK). Needs no privilege as far as kernel.perf_event_paranoid <= 2, for
  // faults in kernel mode <= 1 or CAP_PERFMON. Errc::unsupported says what is missing.
  static Result<FaultTrace> open(std::size_t ring_bytes = std::size_t{4} << 20);
  FaultTrace(FaultTrace&& other) noexcept
      : events_(std::exchange(other.events_, nullptr)),
        event_(other.event_),
        room_(other.room_),
        counted_(other.counted_),
        kernel_mode_seen_(other.kernel_mode_seen_)
  {
  }
  FaultTrace& operator=(FaultTrace&&) = delete;
  ~FaultTrace();

  void begin();
  // Children are no longer traced either. They should be at rest: one that forks meanwhile
  // may go on being counted.
  void end();
  // Ends; then all since open() or the last read().
  Result<FaultReport> read();
  // Faults that fit between two read()s, if they are all on one CPU.
  std::size_t room() const { return room_; }

 private:
  FaultTrace() = default;
  Result<std::uint64_t> count() const;
  perf_evlist* events_ = nullptr;
  perf_evsel* event_ = nullptr;  // owned by events_
  std::size_t room_ = 0;
  std::uint64_t counted_ = 0;  // up to the last read()
  bool kernel_mode_seen_ = true;
};

// By tracing a fault of its own.
Capability page_faults_capability();

}  // namespace rmaplab
