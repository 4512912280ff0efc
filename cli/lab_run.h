// SPDX-License-Identifier: GPL-2.0-only
// What commands that boot kernels share: kernels measured in the lab become runs on disk; one
// command in one guest.
#pragma once

#include "cli/commands.h"
#include "results/run_dir.h"

namespace rmaplab
{

struct LabRunOptions : LabCommandOptions {
  PlanOptions plan;
  bool functions = false;  // count instructions by kernel function
};
void add_lab_run_options(CLI::App& cmd, LabRunOptions& opt);

// Boots all of them and runs the plan; progress on the screen. What each boot brings is added to
// the kernel's writer as it ends, where there are writers; a disk that cannot take it is told once.
Result<std::vector<KernelRun>> run_plan_in_lab(const std::vector<Kernel>& kernels,
                                               const LabRunOptions& opt, Screen& screen,
                                               std::span<RunWriter> writers = {});
// Tells what went wrong in `measured`, called `name`; kDone or kCheckFailed.
int tell_failures(const KernelRun& measured, const std::string& name, Screen& screen);
// With id, rmaplab's version, the command and the kernel's config added.
Run as_run(KernelRun& measured, const Kernel& kernel, const std::string& id);
bool workload_failed(const Run& run);

// Traces under their own names in one folder of a guest.
inline constexpr const char* kGuestTraces = "/rmaplab/traces";
Result<std::vector<ImageFile>> traces_in_guest(const std::vector<std::string>& paths);
// A program of this machine with its libraries, as the command of a guest.
Result<GuestCommand> program_in_guest(std::vector<std::string> command,
                                      const std::string& architecture);
// Boots one kernel, runs one command in it and prints what that printed, rows of samples.csv
// too; the exit status.
int run_one_guest(const std::string& kernel_spec, LabCommandOptions opt, const GuestCommand& guest,
                  std::ostream& out, bool console = false);

}  // namespace rmaplab
