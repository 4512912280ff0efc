// SPDX-License-Identifier: GPL-2.0-only
// A part of a trace as a whole trace: one process with those it comes from, or a window of
// time. What was left out is in the header's note. Pure.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "replay/trace.h"

namespace rmaplab
{

// The process and its ancestors, each in full until it forked the next one and with no more than
// its execs and its exit after that; with `tree` the process's descendants. Others that share
// the memory of one of them (vfork) are kept while they do: their exec becomes their exit.
// Processes, threads are numbered anew. Allocations are left out of lives that lost a row.
// Errc::usage where there is no such process. The trace must be valid.
Result<Trace> cut_process(const Trace& trace, std::uint32_t process, bool tree);

// The rows from the first that is not before `from_ns` to the last that is not after `to_ns`.
// What was there before begins it as in a recording that attached: `start`, the VMAs of each
// living process by replay/vma_model.h, its advice, keys and threads; not who forked whom, and
// of the pages written before one for each VMA that has an anon_vma. Errc::usage where the window
// is empty. The trace must be valid.
Result<Trace> cut_time(const Trace& trace, std::uint64_t from_ns, std::uint64_t to_ns);

}  // namespace rmaplab
