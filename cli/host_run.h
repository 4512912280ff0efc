// SPDX-License-Identifier: GPL-2.0-only
// A plan run on the running kernel, once.
#pragma once

#include <string>

#include "cli/commands.h"

namespace rmaplab
{

struct HostRun {
  Run run;                 // without id and time of start
  std::string complaints;  // of the runner
  int status = kUsage;     // likewise
  bool ended = false;      // false: no last record came
};

// Progress on the screen. After Ctrl-C: what came until then, with `ended` false.
Result<HostRun> measure_host(const PlanOptions& plan, Screen& screen);

}  // namespace rmaplab
