// SPDX-License-Identifier: GPL-2.0-only
// --functions of the commands that measure kernels in the lab: from the plugin and the kernels'
// symbols to rows of samples.csv.
#pragma once

#include <filesystem>
#include <vector>

#include "base/files.h"
#include "cli/lab_run.h"
#include "lab/function_counting.h"

namespace rmaplab
{

// Errc::usage where functions are asked for and cannot be counted.
Result<> check_functions(const LabRunOptions& opt);

// Owns the files of symbols that the plugin reads while guests run.
class FunctionCounting
{
 public:
  // Finds the plugin that QEMU takes and the symbols of each kernel, by a boot if need be.
  static Result<FunctionCounting> prepare(const std::vector<Kernel>& kernels,
                                          const LabRunOptions& opt, Screen& screen);
  // Guests booted with these options are counted.
  void arm(LabOptions& lab) const;
  // What was counted in `run`, of the kernel of that index, becomes rows of it; a failure of it
  // where the symbols turn out to be another kernel's.
  void add_rows(KernelRun& run, std::size_t kernel, const LabRunOptions& opt) const;

 private:
  FunctionCounting(FunctionPlugin plugin, TempDir folder)
      : plugin_(std::move(plugin)), folder_(std::move(folder))
  {
  }
  std::filesystem::path file(std::size_t kernel) const;
  FunctionPlugin plugin_;
  TempDir folder_;
  std::vector<KernelSymbols> symbols_;
};

}  // namespace rmaplab
