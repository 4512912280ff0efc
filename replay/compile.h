// SPDX-License-Identifier: GPL-2.0-only
// A trace into the program that the player runs. Pure: nothing is asked of the kernel.
//
// What is not done as recorded, and why, is in docs/replay.md. Rows that cannot be replayed
// are counted, never dropped silently.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "replay/program.h"
#include "replay/trace.h"

namespace rmaplab
{

enum class ReplayOrder {
  strict,  // the recorded order of all rows
  tree,    // processes run side by side; within one the recorded order
};

enum class ReplayPace { asap, recorded };

// Where a process stands still until the conductor has looked at it.
enum class ReplayPauses {
  none,
  exits,  // before each exit
  calls,  // before each exit and after each row that may change the number of VMAs
  row,    // after one row
};

inline constexpr std::uint32_t kNoRow = 0xffffffff;

struct CompileOptions {
  ReplayOrder order = ReplayOrder::strict;
  ReplayPace pace = ReplayPace::asap;
  ReplayPauses pauses = ReplayPauses::none;
  std::uint32_t pause_row = kNoRow;  // of ReplayPauses::row
  bool relocate = false;             // moves to another address ask for MREMAP_RELOCATE_ANON
  // MAP_DROPPABLE is since 6.11; without it such memory is private and not reserved.
  bool droppable = true;
};

// Rows that are not replayed, by reason.
struct RowsLeftOut {
  std::string why;
  std::uint64_t rows = 0;
  std::uint32_t first = kNoRow;
};

struct CompiledProgram {
  // Strict: one sequence. Tree: one after the other the sequences of the processes.
  // A4 of a call that maps a file is the file's number here: the conductor knows descriptors.
  std::vector<Op> ops;
  std::vector<std::uint32_t> rows;  // of each op; kNoRow: of our own
  std::vector<std::uint32_t> file_ops;
  std::vector<std::uint64_t> file_bytes;  // of file n at [n]; [0] is unused
  struct Process {
    std::uint32_t first_op = 0;  // of its sequence; strict: of the whole
    std::uint32_t exit_op = kNoOp;
    std::uint32_t first_thread = 0;
  };
  std::vector<Process> processes;  // [0] is unused
  std::vector<bool> layout;        // of each op: it belongs to a `vma` row
  bool is_layout(std::uint32_t op) const { return layout[op]; }
  std::uint32_t threads = 0;   // thread 0 is unused and not counted
  std::uint64_t calls = 0;     // of the recorded program, with a result to compare
  std::uint64_t moves = 0;     // those of them that are mremap to another address, and succeed
  std::uint64_t mappings = 0;  // calls of ours for `vma` rows
  std::uint64_t touches = 0;
  std::uint64_t not_replayed = 0;
  std::vector<RowsLeftOut> left_out;  // in order of their first rows
};

// How many VMAs, special ones included, the trace says there are after the row (before it, of an
// exit), if the row is one that may change that: where ReplayPauses::calls stops. A layout is one
// such row, its last, and has the count of its exec. -1: not known, or no such row.
std::int32_t known_vmas(const Trace& trace, std::size_t index);

// When all living processes together have most VMAs, as far as the trace knows: where it is
// worth while to hold a replay still.
struct BusiestMoment {
  std::uint32_t row = kNoRow;  // after it; kNoRow: the trace knows no counts
  std::int64_t vmas = 0;       // of each living process, summed up, without special ones
};
BusiestMoment busiest_moment(const Trace& trace);

Result<CompiledProgram> compile(const Trace& trace, const CompileOptions& options);

}  // namespace rmaplab
