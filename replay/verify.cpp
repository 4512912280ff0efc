// SPDX-License-Identifier: GPL-2.0-only
#include "replay/verify.h"

#include <algorithm>
#include <map>

#include "replay/compile.h"

namespace rmaplab
{

VmaLedger::VmaLedger(const Trace& trace) : trace_(trace), expected_(trace.rows.size(), -1)
{
  std::map<std::uint32_t, std::int64_t> special;  // of each process's address space
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const TraceRow& r = trace.rows[i];
    if (r.event == TraceEvent::exec || r.event == TraceEvent::start)
      special[r.process] = 0;
    else if (r.event == TraceEvent::vma && (r.flags & kVmaSpecial))
      ++special[r.process];
    else if (r.event == TraceEvent::fork && r.result > 0)
      special[static_cast<std::uint32_t>(r.result)] = special[r.process];
    if (counts_vmas(trace, i))
      expected_[i] = r.vmas - special[r.process];
    sums_.known += expected_[i] >= 0;
  }
}

void VmaLedger::found(std::size_t row, std::int64_t vmas)
{
  if (row >= expected_.size() || expected_[row] < 0)
    return;
  const TraceRow& r = trace_.rows[row];
  if (processes_.size() <= r.process)
    processes_.resize(r.process + 1);
  Process& process = processes_[r.process];
  process.seen = true;
  process.expected_peak = std::max(process.expected_peak, expected_[row]);
  process.found_peak = std::max(process.found_peak, vmas);
  process.expected_last = expected_[row];
  process.found_last = vmas;
  ++sums_.counted;
  if (vmas == expected_[row])
    ++sums_.equal;
  else if (!sums_.first || row < sums_.first->row)
    sums_.first = {.row = row, .expected = expected_[row], .found = vmas};
}

VmaFidelity VmaLedger::fidelity() const
{
  VmaFidelity all = sums_;
  for (const Process& process : processes_) {
    all.processes += process.seen;
    all.peaks_equal += process.seen && process.expected_peak == process.found_peak;
    all.ends_equal += process.seen && process.expected_last == process.found_last;
  }
  return all;
}

}  // namespace rmaplab
