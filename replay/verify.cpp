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
    if (const std::int32_t vmas = known_vmas(trace, i); vmas >= 0)
      expected_[i] = vmas - special[r.process];
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

TouchFidelity touch_fidelity(const Trace& trace, const std::vector<std::uint32_t>& outside,
                             const std::vector<std::uint32_t>& refused, std::uint64_t played)
{
  TouchFidelity sums;
  sums.outside = outside.size();
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const TraceRow& r = trace.rows[i];
    if (!is_touch(r.event))
      continue;
    ++sums.recorded;
    TouchFidelity::Process& process = sums.processes[r.process];
    ++process.touches;
    const auto row = static_cast<std::uint32_t>(i);
    if (!std::ranges::binary_search(refused, row) || std::ranges::binary_search(outside, row))
      continue;
    ++process.refused;
    ++sums.refused;
    if (!sums.first)
      sums.first = i;
  }
  sums.missing = sums.recorded - std::min(played, sums.recorded);
  return sums;
}

ObjectLedger::ObjectLedger(const Trace& trace) : lives_(lives_of(trace)) {}

ObjectLedger::Lives ObjectLedger::lives_of(const Trace& trace)
{
  Lives lives;
  std::map<std::uint32_t, std::size_t> count;    // of lives, of each process
  std::map<std::uint32_t, std::size_t> current;  // index into all
  auto begin = [&](std::uint32_t process) -> Life& {
    const std::size_t index = lives.all.size();
    lives.place[{process, count[process]++}] = index;
    current[process] = index;
    lives.all.push_back({.mother = index});
    return lives.all.back();
  };
  for (std::size_t i = 0; i < trace.rows.size(); ++i) {
    const TraceRow& r = trace.rows[i];
    // In the replay a further process of an attached tree is forked first, a life of its own.
    if (r.event == TraceEvent::start && r.process != 1)
      ++count[r.process];
    if (r.event == TraceEvent::exec || r.event == TraceEvent::start || !current.contains(r.process))
      begin(r.process).laid_out = r.event == TraceEvent::exec || r.event == TraceEvent::start;
    const std::size_t index = current[r.process];
    Life& life = lives.all[index];
    switch (r.event) {
      case TraceEvent::vma:
        life.special_vmas += (r.flags & kVmaSpecial) != 0;
        if (known_vmas(trace, i) >= 0)
          lives.of_layout[i] = index;
        break;
      case TraceEvent::fork:
        if (r.result <= 0)
          break;
        life.forks += !(r.flags & 1);
        begin(static_cast<std::uint32_t>(r.result)).mother = lives.all[index].mother;
        break;
      case TraceEvent::alloc_vm_area_struct:
        life.row = i;
        [[fallthrough]];
      case TraceEvent::alloc_anon_vma:
      case TraceEvent::alloc_anon_vma_chain: {
        const auto kind = static_cast<std::size_t>(r.event) -
                          static_cast<std::size_t>(TraceEvent::alloc_vm_area_struct);
        if (!life.allocated)
          life.allocated.emplace();
        (*life.allocated)[kind] = r.result;
        break;
      }
      default:
        break;
    }
  }
  return lives;
}

void ObjectLedger::laid_out(std::size_t row, const ObjectCounts& allocated, std::int64_t own_vmas)
{
  const auto found = lives_.of_layout.find(row);
  if (found == lives_.of_layout.end())
    return;
  lives_.all[found->second].baseline = allocated;
  lives_.all[found->second].own_vmas = own_vmas;
}

ObjectFidelity ObjectLedger::fidelity(const Trace& replay) const
{
  const Lives played = lives_of(replay);
  ObjectFidelity sums;
  for (const auto& [name, index] : lives_.place) {
    const Life& life = lives_.all[index];
    if (!life.allocated)
      continue;
    ++sums.lives;
    const auto twin = played.place.find(name);
    const Life& mother = lives_.all[life.mother];
    if (twin == played.place.end() || !played.all[twin->second].allocated || !mother.baseline ||
        (life.laid_out && !life.baseline))
      continue;
    ++sums.compared;
    ObjectCounts found = *played.all[twin->second].allocated;
    found[0] -= life.forks * (mother.own_vmas - mother.special_vmas);
    bool equal = true;
    for (std::size_t kind = 0; kind < kTraceObjects; ++kind) {
      if (life.laid_out)
        found[kind] -= (*life.baseline)[kind];
      const std::int64_t expected = (*life.allocated)[kind];
      sums.expected[kind] += expected;
      sums.found[kind] += found[kind];
      sums.common[kind] += std::min(expected, found[kind]);
      equal = equal && expected == found[kind];
      const std::size_t row = life.row + kind;
      if (expected != found[kind] && (!sums.first || row < sums.first->row))
        sums.first = {.row = row, .expected = expected, .found = found[kind]};
    }
    sums.equal += equal;
  }
  return sums;
}

}  // namespace rmaplab
