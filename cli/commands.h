// SPDX-License-Identifier: GPL-2.0-only
// The subcommands and what they share. A subcommand is an options struct, a
// function that binds it and one that runs it; only this folder prints or exits.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/result.h"
#include "lab/kernel_build.h"
#include "lab/kernel_image.h"
#include "lab/measure.h"
#include "results/run_dir.h"

namespace rmaplab
{

enum ExitStatus : int {
  kDone = 0,
  kCheckFailed = 1,   // a workload or guest failed
  kUsage = 2,         // usage or environment
  kInconclusive = 3,  // a gate that can neither pass nor fail
  kNothingRan = 77,
  kBisectSkip = 125,   // gate --bisect: nothing can be said of this commit
  kInterrupted = 130,  // Ctrl-C, as shells report it
};

void add_ab(CLI::App& app, int& exit_status);
void add_check(CLI::App& app, int& exit_status);
void add_compare(CLI::App& app, int& exit_status);
void add_doctor(CLI::App& app, int& exit_status);
void add_forest(CLI::App& app, int& exit_status);
void add_gate(CLI::App& app, int& exit_status);
void add_kernel(CLI::App& app, int& exit_status);
void add_lab(CLI::App& app, int& exit_status);
void add_list(CLI::App& app, int& exit_status);
void add_record(CLI::App& app, int& exit_status);
void add_replay(CLI::App& app, int& exit_status);
void add_run(CLI::App& app, int& exit_status);
void add_selfcheck(CLI::App& app, int& exit_status);
void add_trace(CLI::App& app, int& exit_status);

// What is said after Ctrl-C: the folders that keep what was measured until then, if any.
std::string interrupted_text(const std::vector<std::filesystem::path>& kept);

// "rmaplab: <text>" on stderr and the exit status that goes with the error.
int complain(const Error& error);
// The same for a line that is no Error.
void warn(const std::string& line);

// Shows one changing line on stderr when that is a terminal that can erase, and plain notes
// always. Elsewhere, in a file or another program's pipe, the line is a note at times: when what
// stands before its first " | " changes, and every half minute.
class Screen
{
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  void note(const std::string& line);
  // Replaces the changing line; at most some five times a second. "STEP | DETAILS": a new step is
  // worth a line where lines stay.
  void show(double fraction, const std::string& text);
  void wait(const std::string& text);  // the same where nobody knows how long
  Notify notify();                     // for the lab; must not outlive the screen
  // Stands before the changing line from now on.
  void prefix(const std::string& text) { prefix_ = text; }

 private:
  void draw(const std::string& line);
  void tell(const std::string& step, const std::string& line);
  void erase();
  std::string prefix_;
  bool terminal_;
  std::optional<std::string> told_step_;  // that the last line is of
  std::uint64_t told_ns_;
  bool drawn_ = false;
  std::uint64_t began_ns_;
  std::uint64_t drawn_ns_ = 0;
};

// Options of every command that takes kernels.
void add_kernel_options(CLI::App& cmd, KernelOptions& opt);

// Options of every command that builds one; those of the kernel are left to the caller.
void add_build_options(CLI::App& cmd, BuildOptions& opt);

// Options of every command that boots kernels.
struct LabCommandOptions {
  LabOptions lab;
  KernelOptions kernel;
};
void add_lab_options(CLI::App& cmd, LabCommandOptions& opt);

// Options of what is measured.
struct PlanOptions {
  std::string filter = "*";
  std::string preset = "quick";
  std::string passes;
  std::string arguments;
  std::string pin = "none";
  std::vector<std::string> traces;  // files
  int case_timeout_s = 300;
  // Traces alone mean: nothing but their replays.
  std::string workloads() const;
};
void add_plan_options(CLI::App& cmd, PlanOptions& opt);
// Errc::usage before anything is booted for a plan that means nothing.
Result<> check_plan(const PlanOptions& opt);
// The runner's arguments for it, but for mode and replica, which add_start() appends.
// Two boots read alike to the last instruction only when these are the same bytes:
// they are in the guest's memory.
// `trace_folder`: where the traces are for the runner; "": where they are here.
std::vector<std::string> runner_arguments(const PlanOptions& opt,
                                          const std::string& trace_folder = "");
// What a run's manifest says of its traces: trace.NAME, a checksum.
Result<Manifest> trace_facts(const PlanOptions& opt);
void add_start(std::vector<std::string>& arguments, const std::string& mode, int replica);

// One line a kernel that Debian has; the exit status.
int print_kernels(const KernelOptions& options, std::ostream& out);

std::string version();
// The command line as typed, quoted for a shell.
std::string& command_line();

}  // namespace rmaplab
