// SPDX-License-Identifier: GPL-2.0-only
// lab run: one kernel, one command in the guest.
#include <fmt/format.h>

#include <iostream>

#include "base/files.h"
#include "base/process.h"
#include "cli/commands.h"

namespace rmaplab
{

namespace
{

struct LabRunOptions : LabCommandOptions {
  std::string kernel_spec;
  std::vector<std::string> command;
  bool console = false;
};

// `run` and `fault` are the runner's own; anything else is a program, which goes into
// the guest with its libraries.
Result<GuestCommand> guest_command(const LabRunOptions& opt)
{
  GuestCommand guest{.arguments = opt.command};
  if (opt.command[0] == "fault")
    return guest;
  if (opt.command[0] == "run") {
    add_start(guest.arguments, opt.lab.mode, opt.lab.first_replica);
    return guest;
  }
  const auto program = find_program(opt.command[0]);
  if (!program)
    return Error{.code = Errc::usage,
                 .context = fmt::format("no program \"{}\" to run in the guest", opt.command[0])};
  const auto architecture = find_architecture(opt.kernel.architecture);
  const auto build =
      architecture ? guest_build(*architecture) : Result<GuestBuild>(architecture.error());
  if (!build)
    return build.error();
  auto files = program_files(*program, "rmaplab/program", *build);
  if (!files)
    return files.error();
  guest.files = *std::move(files);
  guest.arguments[0] = "/rmaplab/program";
  guest.arguments.insert(guest.arguments.begin(), "exec");
  return guest;
}

int run_lab(LabRunOptions& opt, std::ostream& out)
{
  auto guest = guest_command(opt);
  if (!guest)
    return complain(guest.error());
  Screen screen;
  const Notify notify = screen.notify();
  auto kernel = find_kernel(opt.kernel_spec, opt.kernel, notify);
  if (!kernel)
    return complain(kernel.error());
  opt.lab.replicas = 1;
  auto measured = measure_kernels(
      {*kernel}, opt.lab, [&](int) { return *guest; }, notify,
      [&](const BootProgress& progress) {
        screen.show(progress.fraction, progress.running.empty() ? "" : progress.running[0]);
      });
  if (!measured)
    return complain(measured.error());
  KernelRun& run = measured->front();
  if (opt.console)
    out << run.dmesg;
  out << run.output;
  if (!run.samples.empty())
    out << samples_header();
  for (const Sample& sample : run.samples)
    out << sample_row(sample);
  out << std::flush;
  if (run.interrupted) {
    screen.note("interrupted");
    return kInterrupted;
  }
  for (const auto& failure : run.failures)
    screen.note(failure);
  for (const Sample& sample : run.samples)
    if (sample.status == SampleStatus::fail)
      screen.note(
          fmt::format("FAILED {} {}: {}", sample.workload, sample.arguments, sample.reason));
  if (!run.failed_console.empty())
    screen.note("end of its console:\n" + run.failed_console);
  return run.failures.empty() ? run.guest_status : kCheckFailed;
}

}  // namespace

void add_lab(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<LabRunOptions>();
  auto* cmd = app.add_subcommand("lab", "guests: one kernel, one command");
  cmd->require_subcommand(1);
  auto* run = cmd->add_subcommand(
      "run",
      "boot a kernel and run a command in it: `run [-w GLOB]` for workloads (rows of\n"
      "samples.csv on stdout), or any program of this machine with its libraries");
  run->add_option("kernel", opt->kernel_spec, "debian:VERSION, an image, a build tree")->required();
  run->add_option("command", opt->command, "after --: the command and its arguments")->required();
  run->add_option("--replica", opt->lab.first_replica, "which reproducible start")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  run->add_flag("--console", opt->console, "print the guest's console first");
  add_lab_options(*run, *opt);
  run->callback([opt, &exit_status] { exit_status = run_lab(*opt, std::cout); });
}

}  // namespace rmaplab
