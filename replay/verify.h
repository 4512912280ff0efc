// SPDX-License-Identifier: GPL-2.0-only
// Whether a replay's address spaces have as many VMAs as the recorded program's had, call by
// call, and whether its processes allocated as many objects. Pure: who counts them is the
// caller's business.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "replay/trace.h"

namespace rmaplab
{

struct VmaDivergence {
  std::size_t row = 0;  // index into Trace::rows
  std::int64_t expected = 0;
  std::int64_t found = 0;
};

struct VmaFidelity {
  std::uint64_t known = 0;    // calls after which the trace knows the count
  std::uint64_t counted = 0;  // those of them after which the replay was counted
  std::uint64_t equal = 0;
  std::optional<VmaDivergence> first;
  // Of processes: those with a count at their end, and those of them whose greatest and last
  // count are the recorded ones.
  std::uint64_t processes = 0;
  std::uint64_t peaks_equal = 0;
  std::uint64_t ends_equal = 0;
};

// Compares counts as they come in. Special VMAs (vdso, vvar), which are the kernel's and not the
// program's, are taken off the recorded counts.
class VmaLedger
{
 public:
  explicit VmaLedger(const Trace& trace);
  // VMAs of the row's process, the player's and special ones not counted.
  void found(std::size_t row, std::int64_t vmas);
  VmaFidelity fidelity() const;

 private:
  struct Process {
    std::int64_t expected_peak = 0, found_peak = 0, expected_last = 0, found_last = 0;
    bool seen = false;
  };
  const Trace& trace_;
  std::vector<std::int64_t> expected_;  // of each row; -1: not known
  std::vector<Process> processes_;
  VmaFidelity sums_;
};

// Page touches: what faulted when it was recorded is touched in a replay.
struct TouchFidelity {
  struct Process {
    std::uint64_t touches = 0;
    std::uint64_t refused = 0;
  };
  std::uint64_t recorded = 0;
  std::uint64_t outside = 0;  // of them: no mapping of the trace allows them
  std::uint64_t missing = 0;  // not played
  std::uint64_t refused = 0;  // SIGSEGV or SIGBUS, though not outside
  std::uint64_t equal() const { return recorded - missing - refused; }
  std::map<std::uint32_t, Process> processes;  // by number; those that touched anything
  std::optional<std::size_t> first;            // row of the first that was refused
};

// `outside` and `refused` are rows, ascending; `played` is how many were touched.
TouchFidelity touch_fidelity(const Trace& trace, const std::vector<std::uint32_t>& outside,
                             const std::vector<std::uint32_t>& refused, std::uint64_t played);

// vm_area_struct, anon_vma, anon_vma_chain, in the order of the trace's alloc_* rows.
inline constexpr std::size_t kTraceObjects = 3;
using ObjectCounts = std::array<std::int64_t, kTraceObjects>;

struct ObjectDivergence {
  std::size_t row = 0;  // the trace's row that has the count
  std::int64_t expected = 0;
  std::int64_t found = 0;
};

struct ObjectFidelity {
  // From a process's birth or exec to its next exec or its end.
  std::uint64_t lives = 0;     // that the trace has counts of
  std::uint64_t compared = 0;  // those of them that the replay has counts of, too
  std::uint64_t equal = 0;     // in all three
  ObjectCounts expected = {};  // sums over what was compared
  ObjectCounts found = {};
  ObjectCounts common = {};  // the smaller count of each life, summed up
  std::optional<ObjectDivergence> first;
};

// Holds what a replay allocated, as a recording of the replay tells it, to the trace. Taken off:
// what the kernel and the player allocate to lay out a new program (it was the kernel's doing
// in the recording, too, and is not counted there), and of each fork the VMAs that the player
// has of its own less the special ones (vdso, vvar) that the recorded program had.
class ObjectLedger
{
 public:
  explicit ObjectLedger(const Trace& trace);
  // A process stands still after `row`, the last one of its layout: what it has allocated since
  // its exec, and how many of its VMAs the kernel counts outside of the arena.
  void laid_out(std::size_t row, const ObjectCounts& allocated, std::int64_t own_vmas);
  // `replay` is a recording of a replay in strict order: numbers of processes are alike.
  ObjectFidelity fidelity(const Trace& replay) const;

 private:
  struct Life {
    std::optional<ObjectCounts> allocated;
    std::size_t row = 0;  // of alloc_vm_area_struct
    std::int64_t forks = 0;
    std::int64_t special_vmas = 0;
    bool laid_out = false;   // begun by an exec
    std::size_t mother = 0;  // whose address space it began with; itself: an exec's
    std::optional<ObjectCounts> baseline;
    std::int64_t own_vmas = 0;
  };
  // In order of their beginnings; `place`: of a process's n-th life.
  struct Lives {
    std::vector<Life> all;
    std::map<std::pair<std::uint32_t, std::size_t>, std::size_t> place;
    std::map<std::size_t, std::size_t> of_layout;  // by its last row
  };
  static Lives lives_of(const Trace& trace);
  Lives lives_;
};

}  // namespace rmaplab
