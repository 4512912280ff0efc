// SPDX-License-Identifier: GPL-2.0-only
// lab run: one kernel, one command in the guest.
#include <iostream>

#include "cli/lab_run.h"

namespace rmaplab
{

namespace
{

struct OneGuestOptions : LabCommandOptions {
  std::string kernel_spec;
  std::vector<std::string> command;
  bool console = false;
};

// `run` and `fault` are the runner's own; anything else is a program, which goes into
// the guest with its libraries.
Result<GuestCommand> guest_command(const OneGuestOptions& opt)
{
  GuestCommand guest{.arguments = opt.command};
  if (opt.command[0] == "fault")
    return guest;
  if (opt.command[0] == "run") {
    add_start(guest.arguments, opt.lab.mode, opt.lab.first_replica);
    return guest;
  }
  return program_in_guest(opt.command, opt.kernel.architecture);
}

int run_lab(const OneGuestOptions& opt, std::ostream& out)
{
  const auto guest = guest_command(opt);
  if (!guest)
    return complain(guest.error());
  return run_one_guest(opt.kernel_spec, opt, *guest, out, opt.console);
}

}  // namespace

void add_lab(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<OneGuestOptions>();
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
