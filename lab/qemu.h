// SPDX-License-Identifier: GPL-2.0-only
// The virtual machine as a command line: the only place that knows one
// architecture's flags from another's.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

enum class Accelerator {
  icount,  // TCG, one thread, virtual time is the count of instructions
  tcg,     // TCG, one host thread a CPU
  kvm,
};

struct Machine {
  std::string qemu;                 // program
  std::string package;              // Debian's, with it
  std::string cpu;                  // model: fixed, since counts depend on it
  std::string arguments;            // further ones, blank-separated
  std::string console;              // kernel parameter
  std::string kernel_args;          // that make a boot repeatable and name panics
  std::string one_cpu_icount_args;  // more of them, of a guest with one CPU under icount
  // The device whose line the results take; "": the machine's second serial line.
  std::string channel;
};

// `architecture` as find_architecture() takes it; Errc::unsupported where the lab has none yet.
Result<Machine> machine_for(std::string_view architecture);

struct BootSpec {
  std::filesystem::path kernel;
  std::filesystem::path initramfs;
  std::filesystem::path console;  // file that the guest's console is written to
  std::filesystem::path channel;  // file that the results are written to
  // Counts instructions by kernel function when there is one: the plugin, its symbols, and the
  // file that the counts are written to.
  std::filesystem::path function_plugin;
  std::filesystem::path function_symbols;
  std::filesystem::path function_counts;
  Accelerator accelerator = Accelerator::icount;
  int replica = 1;
  int cpus = 1;
  int memory_mib = 2048;
  std::string extra_kernel_args;
};

// Pure. In QEMU's lists of options a comma of a value is written twice.
std::string option_value(const std::string& text);
// Pure. What the guest's kernel is told; the same for every kernel compared.
std::string kernel_command_line(const Machine& machine, const BootSpec& spec);
// Pure.
std::vector<std::string> qemu_arguments(const Machine& machine, const BootSpec& spec);

// "7.2.22" as the program says itself. Errc::unsupported: not installed.
Result<std::string> qemu_version(const Machine& machine);

}  // namespace rmaplab
