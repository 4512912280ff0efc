// SPDX-License-Identifier: GPL-2.0-only
// Kernels measured in the lab and stored, for commands that compare them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/lab_run.h"
#include "reports/comparison.h"

namespace rmaplab
{

struct StoredRuns {
  std::vector<Run> runs;  // one a kernel
  int status = kDone;     // the worst of what was told: a guest or a workload failed, a full disk
  bool on_disk = true;    // false: it could not be stored, but is in `runs` all the same
};

// Boots all of them with the plan and stores each below `folder` by its id. What went wrong is
// told on the screen. Errc::interrupted after Ctrl-C; what was measured then is in ID.partial.
Result<StoredRuns> measure_and_store(const std::vector<Kernel>& kernels,
                                     const std::vector<std::string>& ids,
                                     const std::filesystem::path& folder, const LabRunOptions& opt,
                                     Screen& screen);

// Errc::usage with the differences where two runs must not be compared; --force does it.
Result<> check_comparable(const Comparison& comparison);

}  // namespace rmaplab
