// SPDX-License-Identifier: GPL-2.0-only
// A plan run on the running kernel, once.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "cli/commands.h"

namespace rmaplab
{

struct HostRun {
  Run run;                 // without id and time of start
  std::string complaints;  // of the runner
  int status = kUsage;     // likewise
  bool ended = false;      // false: no last record came
};

// Gets the values of each case, and the log's new lines, as they come.
using KeepCase = std::function<void(std::span<const Sample> samples, std::string_view dmesg)>;

// Progress on the screen. After Ctrl-C, and when the runner ends or is not understood: what came
// until then, with `ended` false.
Result<HostRun> measure_host(const PlanOptions& plan, Screen& screen, const KeepCase& keep = {});

}  // namespace rmaplab
