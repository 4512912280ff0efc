// SPDX-License-Identifier: GPL-2.0-only
// How faithful a replay is, rung by rung, as `trace verify` prints it.
#pragma once

#include <string>

#include "base/result.h"
#include "replay/replay_input.h"

namespace rmaplab
{

// "1 calls as recorded     777 of 777   100.000 %"
std::string rung(const char* name, std::uint64_t part, std::uint64_t whole);

struct Fidelity {
  std::string text;
  // Every call and page touch, 99.5 % of VMA counts, 98 % of objects where counted.
  bool faithful = false;
};
// Replays the trace once on the running kernel in the recorded order, its processes stopped after
// each call to be counted. Rungs 1 and 2 need no rights; what rung 3 lacks is said in the text.
// `path` is the trace's name in the text.
Result<Fidelity> verify_replay(const std::string& path, const ReplayInput& input, int timeout_s);

}  // namespace rmaplab
