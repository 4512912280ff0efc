// SPDX-License-Identifier: GPL-2.0-only
// What commands that compare two kernels take: two of them, or a source and a series to build
// both from.
#pragma once

#include <string>
#include <vector>

#include "cli/commands.h"

namespace rmaplab
{

struct KernelPairOptions {
  std::string base;
  std::string head;
  BuildOptions build;
};
// `what` each of the two is, for --help.
void add_kernel_pair(CLI::App& cmd, KernelPairOptions& opt, const std::string& what);

// Base and head as find_kernel() takes them, built where that was asked for. Errc::usage where
// it is neither two kernels nor a source with a series.
Result<std::vector<std::string>> specs_of(const KernelPairOptions& opt, const KernelOptions& kernel,
                                          const Notify& notify);

}  // namespace rmaplab
