// SPDX-License-Identifier: GPL-2.0-only
// check: does a kernel do what it must? KTAP on stdout.
#include <fmt/format.h>
#include <sys/wait.h>

#include <iostream>

#include "base/files.h"
#include "base/process.h"
#include "cli/commands.h"
#include "conformance/check.h"

namespace rmaplab
{

namespace
{

struct CheckCommandOptions : LabCommandOptions {
  std::string glob = "*";
  std::string kernel_spec;
  std::uint64_t seed = 1;
  bool list = false;
};

std::vector<std::string> runner_words(const CheckCommandOptions& opt)
{
  return {"check", "--seed=" + std::to_string(opt.seed), opt.glob};
}

int list_checks(const std::vector<const Check*>& checks, std::ostream& out)
{
  for (const Check* check : checks)
    out << fmt::format("{:<36} {}\n{:<36} [{}]\n", check->name, check->summary, "", check->source);
  return kDone;
}

int check_here(const CheckCommandOptions& opt)
{
  auto words = runner_words(opt);
  words.insert(words.begin(), program_directory() / "rmaplab-runner");
  auto runner = Child::spawn({.argv = std::move(words), .own_group = true});
  if (!runner)
    return complain(runner.error());
  const auto status = runner->wait();
  if (!status)
    return kInterrupted;
  if (WIFEXITED(*status))
    return WEXITSTATUS(*status);
  warn("rmaplab-runner: " + describe_wait_status(*status));
  return kUsage;
}

int check_kernel(CheckCommandOptions& opt, std::ostream& out)
{
  Screen screen;
  const Notify notify = screen.notify();
  const auto kernel = find_kernel(opt.kernel_spec, opt.kernel, notify);
  if (!kernel)
    return complain(kernel.error());
  opt.lab.replicas = 1;
  const auto measured = measure_kernels(
      {*kernel}, opt.lab, [&](int) { return GuestCommand{.arguments = runner_words(opt)}; }, notify,
      [&](const BootProgress& progress) {
        screen.show(progress.fraction, progress.running.empty() ? "" : progress.running[0]);
      });
  if (!measured)
    return complain(measured.error());
  const KernelRun& run = measured->front();
  out << run.output << std::flush;
  if (run.interrupted) {
    screen.note("interrupted");
    return kInterrupted;
  }
  for (const auto& failure : run.failures)
    screen.note(failure);
  if (!run.failed_console.empty())
    screen.note("end of its console:\n" + run.failed_console);
  return run.failures.empty() ? run.guest_status : kCheckFailed;
}

int run_check_command(CheckCommandOptions& opt, std::ostream& out)
{
  const auto checks = select_checks(opt.glob);
  if (!checks)
    return complain(checks.error());
  if (opt.list)
    return list_checks(*checks, out);
  return opt.kernel_spec.empty() ? check_here(opt) : check_kernel(opt, out);
}

}  // namespace

void add_check(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<CheckCommandOptions>();
  auto* cmd = app.add_subcommand(
      "check", "whether a kernel keeps the rules of merging, moving and forking; KTAP on stdout");
  cmd->add_option("glob", opt->glob, "checks: globs joined with commas")->capture_default_str();
  cmd->add_option(
      "--kernel", opt->kernel_spec,
      "a kernel in the lab, not the running one: debian:VERSION, an image, a build tree");
  cmd->add_option("--seed", opt->seed, "which permutations the random checks use")
      ->capture_default_str();
  cmd->add_flag("--list", opt->list, "names, what they claim and where the rule is from");
  add_lab_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_check_command(*opt, std::cout); });
}

}  // namespace rmaplab
