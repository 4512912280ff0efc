// SPDX-License-Identifier: GPL-2.0-only
// A kernel from source: a tree, a series on it or taken off it, a configuration of fragments;
// out comes a folder that find_kernel() takes. Same source, series, configuration and compiler:
// the same folder, without compiling anything.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "lab/kernel_image.h"
#include "lab/progress.h"
#include "results/manifest.h"

namespace rmaplab
{

struct BuildOptions {
  std::string source;                // as KernelSource::open() takes it
  std::vector<std::string> configs;  // names of fragments, or files; none: "bench"
  std::string series;                // as read_series() takes it; "" for none
  std::string pick;                  // of its mails, as choose_series() takes it
  bool use_series = true;            // false: the source as it is, at the same commit
  std::vector<std::string> before;   // patches below the series, always applied, in order
  bool reverse = false;              // the source has the series: take it off
  std::filesystem::path out;         // folder for the kernel; "" keeps it in the cache only
  int jobs = 0;                      // of make; 0: one a CPU
  // Where the source's Makefile runs: in a sandbox (on), as the caller (off); auto: in a sandbox
  // where the caller is root and one can be had, else as the caller, with a warning for root.
  std::string sandbox = "auto";
  KernelOptions kernel;
};

struct BuiltKernel {
  std::filesystem::path folder;
  Manifest manifest;
  bool compiled = true;  // false: it was there
  double build_s = 0;
};

// Errors: Errc::usage for a source, series or fragment that is not there or does not apply;
// Errc::unsupported for a tool that is missing, named with its package, and for a compiler
// that fails: with its first error, and where the log is.
Result<BuiltKernel> build_kernel(const BuildOptions& options, const Notify& notify);

// Errc::unsupported where programs that every build needs are missing, named with their packages.
Result<> check_build_tools(const std::string& architecture);

// Names of the fragments that come with rmaplab: "align", "bench", ...
std::vector<std::string> fragment_names();
// kernel-configs/ of the source that this program was built from.
std::filesystem::path kernel_configs_folder();

// Pure. The first complaint of a compiler, linker or make in a build's output; with the package
// that has the header that it lacks.
std::string first_build_error(std::string_view log);

}  // namespace rmaplab
