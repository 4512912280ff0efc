// SPDX-License-Identifier: GPL-2.0-only
// A trace as a replay takes it: read, valid, and not too large for the machine.
#pragma once

#include <string>

#include "base/result.h"
#include "replay/replay.h"
#include "replay/trace.h"
#include "replay/validate.h"

namespace rmaplab
{

struct ReplayInput {
  Trace trace;
  TraceNeeds needs;
};

// Errc::unsupported when `copies` replays at once would take more than three quarters of the
// memory that is available.
Result<ReplayInput> read_replay_input(const std::string& path, int copies);

// A result of a call, for a person: "-12 (Cannot allocate memory)", "0x1000000000", "3".
std::string value_text(std::int64_t value);
// "TRACE:LINE" of a row.
std::string place_of(const std::string& path, const Trace& trace, std::size_t row);

}  // namespace rmaplab
