// SPDX-License-Identifier: GPL-2.0-only
// Whether a replay's address spaces have as many VMAs as the recorded program's had, call by
// call. Pure: who counts them is the caller's business.
#pragma once

#include <cstdint>
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

}  // namespace rmaplab
