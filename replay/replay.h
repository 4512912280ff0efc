// SPDX-License-Identifier: GPL-2.0-only
// Plays a trace: real processes and threads, each a rmaplab-player (replay/player), with us as
// their conductor, who starts the first, is everybody's parent, reaps, and in strict order
// passes the turn on once a process's memory is gone.
//
// prepare() does all that takes time or can be refused; play() may follow any number of times
// and holds nothing but the replay itself, so that it can be what is measured.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"
#include "replay/compile.h"
#include "replay/trace.h"

namespace rmaplab
{

struct ReplayOptions {
  ReplayOrder order = ReplayOrder::strict;
  ReplayPace pace = ReplayPace::asap;
  int copies = 1;       // process trees at once
  int timeout_s = 300;  // without any progress
  // Every mremap to another address asks for MREMAP_RELOCATE_ANON, as if the recorded program
  // had. The kernel must have it (Mover::create()): where it has not, each is a divergence.
  bool relocate = false;
  // Called while a process stands still after that row of the trace, or before, where the row is
  // its exit; see ReplayPauses. `tid` is that of a thread of it which lives. The conductor polls
  // then: not for measuring time.
  std::function<void(std::uint32_t process, pid_t tid, std::uint32_t row)> look;
  ReplayPauses pauses = ReplayPauses::exits;  // where there is a `look`
  // Of ReplayPauses::row: `hold` is called in place of `look`, once, with a thread that lives of
  // each process that does. In strict order nobody of them runs meanwhile.
  std::uint32_t pause_row = kNoRow;
  std::function<void(std::span<const pid_t> living)> hold;
  bool watches() const
  {
    return pauses == ReplayPauses::row ? static_cast<bool>(hold) : static_cast<bool>(look);
  }
};

// The first call that did not return as recorded (of the lowest copy that has one).
struct FirstDivergence {
  std::uint32_t row = kNoRow;  // index into Trace::rows
  std::int64_t expected = 0;   // addresses: in the arena
  std::int64_t found = 0;
};

// Sums of all copies. Calls are those of the recorded program that have a result to compare.
struct ReplayOutcome {
  std::uint64_t calls = 0;
  std::uint64_t as_recorded = 0;
  std::uint64_t moves = 0;            // of the calls: mremap to another address
  std::uint64_t mappings_failed = 0;  // of `vma` rows, which are no calls of the program
  std::optional<FirstDivergence> first;
  std::uint64_t touches = 0;
  std::uint64_t refused = 0;                // touches that ended in SIGSEGV or SIGBUS
  std::vector<std::uint32_t> refused_rows;  // ascending; of the first copy, without layouts'
  std::uint64_t processes = 0;
  std::uint64_t threads = 0;
  std::uint64_t not_replayed = 0;     // rows
  std::vector<RowsLeftOut> left_out;  // why
};

class PreparedReplay
{
 public:
  struct State;  // replay.cpp
  explicit PreparedReplay(std::unique_ptr<State> state);
  PreparedReplay(PreparedReplay&&) noexcept;
  PreparedReplay& operator=(PreparedReplay&&) = delete;
  ~PreparedReplay();
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

// The trace must be valid (validate_trace()).
Result<PreparedReplay> prepare(const Trace& trace, const ReplayOptions& options);
// Empties files and control memory of the play before, which play() would do itself: call it
// first where only the replay is to be measured.
Result<> rewind(PreparedReplay& replay);
// Errc::mismatch when a process of the replay died or got stuck; Errc::interrupted after
// Ctrl-C. No process is left, whatever happens.
Result<ReplayOutcome> play(PreparedReplay& replay);

}  // namespace rmaplab
