// SPDX-License-Identifier: GPL-2.0-only
// A trace as a replay takes it: read, valid, and not too large for the machine.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "replay/replay.h"
#include "replay/trace.h"
#include "replay/validate.h"

namespace rmaplab
{

struct ReplayInput {
  Trace trace;
  TraceNeeds needs;
  std::vector<std::uint32_t> outside;  // rows, ascending: touches of no mapping of the trace
};

// Whether a replay is refused that this machine has no room for (replay/machine_room.h).
enum class ReplayRoom { must_suffice, as_it_is };

// Errc::unsupported when `copies` replays at once have no room; before the rows are held.
Result<ReplayInput> read_replay_input(const std::string& path, int copies,
                                      ReplayRoom check = ReplayRoom::must_suffice);

// The error with another name for the trace: what the user called a file that was copied.
Error with_name(Error error, const std::string& path, const std::string& name);
// A result of a call, for a person: "-12 (Cannot allocate memory)", "0x1000000000", "3".
std::string value_text(std::int64_t value);
// Pure. Where a call of `row` found ENOMEM that was not recorded and its process had nearly as many
// VMAs as this machine allows: ": ... vm.max_map_count ...", for a person; else "". The player has
// a few VMAs of its own.
std::string limit_text(const Trace& trace, std::size_t row, std::int64_t found,
                       std::int64_t max_map_count);
// The same with this machine's limit.
std::string limit_text(const Trace& trace, std::size_t row, std::int64_t found);
// "TRACE:LINE" of a row.
std::string place_of(const std::string& path, const Trace& trace, std::size_t row);
// A line: how many rows are not replayed, where the first is, and why.
std::string left_out_text(const RowsLeftOut& rows, const std::string& path, const Trace& trace);

}  // namespace rmaplab
