// SPDX-License-Identifier: GPL-2.0-only
// The anon_vma forest of a workload held still, on the running kernel or in a guest of the
// exact lab.
#pragma once

#include <string>

#include "base/result.h"
#include "lab/kernel_image.h"
#include "probes/forest.h"

namespace rmaplab
{

struct WorkloadForestOptions {
  std::string workload;
  std::string arguments;  // "": those of its first quick case
  std::string kernel;     // as find_kernel() takes it; "": the running one
  KernelOptions kernels;
};

// Errc::usage for a workload or arguments that do not exist; Errc::unsupported with the
// reason where the workload ran and there is no forest. The running kernel takes root.
Result<Forest> forest_of_workload(const WorkloadForestOptions& opt);

}  // namespace rmaplab
