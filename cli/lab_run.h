// SPDX-License-Identifier: GPL-2.0-only
// What `ab` and `run --kernel` share: kernels measured in the lab become runs on disk.
#pragma once

#include "cli/commands.h"
#include "results/run_dir.h"

namespace rmaplab
{

struct LabRunOptions : LabCommandOptions {
  PlanOptions plan;
};
void add_lab_run_options(CLI::App& cmd, LabRunOptions& opt);

// Boots all of them and runs the plan; progress on the screen.
Result<std::vector<KernelRun>> run_plan_in_lab(const std::vector<Kernel>& kernels,
                                               const LabRunOptions& opt, Screen& screen);
// Tells what went wrong in `measured`, called `name`; kDone or kCheckFailed.
int tell_failures(const KernelRun& measured, const std::string& name, Screen& screen);
// With id, rmaplab's version, the command and the kernel's config added.
Run as_run(KernelRun& measured, const Kernel& kernel, const std::string& id);
bool workload_failed(const Run& run);

}  // namespace rmaplab
