// SPDX-License-Identifier: GPL-2.0-only
// Lock contention while a command runs, as a table or CSV.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "base/result.h"
#include "probes/lock_contention.h"

namespace rmaplab
{

struct ContentionOptions {
  std::vector<std::string> command;
  std::size_t rows = 20;  // of the table; the rest is one line
  bool csv = false;
};

// Pure. At most 75 columns wide but for long callers.
std::string contention_table(const ContentionReport& report, std::size_t most_rows);
// Pure. Every row; the histogram as "TOP:WAITS" of waits shorter than TOP ns and not
// shorter than half of it.
std::string contention_csv(const ContentionReport& report);

struct TracedCommand {
  ContentionReport report;
  int wait_status = 0;  // of the command, as wait(2) gives it
};
// Traces the whole machine until the command has ended.
Result<TracedCommand> trace_command(const std::vector<std::string>& command);

// Prints the report; the exit status is the command's, 77 where nothing can be traced.
int run_probe_contention(const ContentionOptions& options, std::ostream& out);

}  // namespace rmaplab
