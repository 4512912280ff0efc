// SPDX-License-Identifier: GPL-2.0-only
// Kernels in, runs out: boots every replica of every kernel asked for, as many at a
// time as the machine has CPUs, and collects what their runners report.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "lab/initramfs.h"
#include "lab/kernel_image.h"
#include "lab/vm.h"
#include "results/manifest.h"
#include "results/sample.h"

namespace rmaplab
{

struct LabOptions {
  std::string mode = "exact";  // or "smp"
  int replicas = 3;            // boots a kernel
  int first_replica = 1;       // number of the first; each number is a reproducible start
  int cpus = 0;                // of a guest; 0: one in exact mode, all of the host's in smp
  int memory_mib = 2048;
  int hang_timeout_s = 120;
  int boot_timeout_s = 86'400;  // of the host's time
  int jobs = 0;                 // guests at a time; 0: one a host CPU in exact mode, one in smp
  std::string extra_kernel_args;
  // Counts instructions by kernel function (lab/function_counting.h); "": nobody does. With the
  // file of symbols for each kernel.
  std::filesystem::path function_plugin;
  std::vector<std::filesystem::path> function_symbols;
};

// The guest's command for one replica, and the files it needs beside the runner.
struct GuestCommand {
  std::vector<std::string> arguments;  // of rmaplab-runner
  std::vector<ImageFile> files;
};

struct KernelRun {
  Manifest manifest;                  // of the lab and the first boot
  std::vector<Sample> samples;        // boots in order, whatever order they ended in
  std::string dmesg;                  // consoles, one after another
  std::vector<std::string> failures;  // one line a boot that did not finish or failed
  std::string failed_console;         // end of the first failed boot's console
  std::string output;                 // of an `exec` command, or what the runner complained of
  std::map<int, std::string> function_counts;  // by boot: what the plugin wrote
  int guest_status = 0;                        // the worst of the boots'
  bool interrupted = false;
};

struct BootProgress {
  std::size_t boots_done = 0;
  std::size_t boots = 0;
  double fraction = 0;               // of all work, 0 to 1
  std::vector<std::string> running;  // "6.19.14 #2: fork_flat vmas=16 (bare)"
};

// In which order `kernels` are booted, `boots` times each: blocks that have each of them once.
// In smp mode the order within a block is drawn, so that no drift of the machine falls on one
// kernel; in exact mode it is theirs, for nothing depends on it.
std::vector<std::vector<std::size_t>> boot_order(std::size_t kernels, int boots,
                                                 const std::string& mode, std::uint64_t seed);

using CommandOf = std::function<GuestCommand(int replica)>;
using ShowProgress = std::function<void(const BootProgress&)>;
// Called as each boot ends, with the kernel's index and what that boot alone brought.
using KeepBoot = std::function<void(std::size_t kernel, const KernelRun& boot)>;

// One KernelRun for each kernel, in the same order; in smp mode its manifest has its place in
// each block of boots, boots.order, and the seed they were drawn with, boots.seed. Fails as a whole
// only when nothing could be booted (no QEMU, no runner, no space for the guest's image); a later
// boot that cannot begin is the last that is tried, and a failure of its kernel.
Result<std::vector<KernelRun>> measure_kernels(const std::vector<Kernel>& kernels,
                                               const LabOptions& options, const CommandOf& command,
                                               const Notify& notify, const ShowProgress& show,
                                               const KeepBoot& keep = {});

// Whether KVM boots this kernel here: found by doing it, at most 30 s.
bool kvm_works(const Machine& machine, const Kernel& kernel, const std::string& initramfs);

}  // namespace rmaplab
