// SPDX-License-Identifier: GPL-2.0-only
// The workload `replay`: recorded programs as cases like any other. It is made of the traces of
// a plan, so it is not in the catalog.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "workloads/workload.h"

namespace rmaplab
{

inline constexpr std::string_view kReplayWorkload = "replay";

// What a trace is called in samples.csv: its file name without ".csv" and ".zst".
std::string trace_label(const std::string& path);

// Sets the traces of this process's `replay`. Errc::usage when two have one label or a label
// would not fit in the arguments' column.
Result<> use_traces(const std::vector<std::string>& paths);

// Of those traces; nullptr when there are none.
const Workload* replay_workload();

// In the catalog, or `replay`; nullptr: no such workload.
const Workload* find_any_workload(std::string_view name);

}  // namespace rmaplab
