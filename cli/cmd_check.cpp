// SPDX-License-Identifier: GPL-2.0-only
// check: does a kernel do what it must? KTAP on stdout.
#include <fmt/format.h>
#include <sys/wait.h>

#include <iostream>

#include "base/files.h"
#include "base/process.h"
#include "cli/lab_run.h"
#include "conformance/check.h"
#include "conformance/known_faults.h"

namespace rmaplab
{

namespace
{

struct CheckCommandOptions : LabCommandOptions {
  std::string glob = "*";
  std::string kernel_spec;
  std::uint64_t seed = 1;
  std::uint64_t moves = Bench::kMoves;
  int limit_s = 10;
  bool list = false;
  bool known = false;
};

std::vector<std::string> runner_words(const CheckCommandOptions& opt)
{
  std::vector<std::string> words = {"check", fmt::format("--seed={}", opt.seed),
                                    fmt::format("--moves={}", opt.moves),
                                    fmt::format("--limit={}", opt.limit_s)};
  if (opt.known)
    words.push_back("--known");
  words.push_back(opt.glob);
  return words;
}

int list_known_faults(std::ostream& out)
{
  for (const KnownFault& fault : known_faults())
    out << fmt::format("{:<36} {} (\"{}\")\n{:<36} since Linux {}, mended in {}; told as \"{}\"\n",
                       fault.checks, fault.commit, fault.subject, "", fault.since, fault.mended,
                       fault.told);
  return kDone;
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

int run_check_command(const CheckCommandOptions& opt, std::ostream& out)
{
  const auto checks = select_checks(opt.glob);
  if (!checks)
    return complain(checks.error());
  if (opt.list && opt.known)
    return list_known_faults(out);
  if (opt.list)
    return list_checks(*checks, out);
  if (opt.kernel_spec.empty())
    return check_here(opt);
  return run_one_guest(opt.kernel_spec, opt, {.arguments = runner_words(opt)}, out);
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
  cmd->add_option("--moves", opt->moves, "how many moves a race makes (the checks race/*)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000'000));
  cmd->add_option("--limit", opt->limit_s,
                  "seconds a check may take; more for a kernel with debug options")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
  cmd->add_flag("--list", opt->list,
                "names, what they claim and where the rule is from; with --known the known faults");
  cmd->add_flag("--known", opt->known,
                "faults that old kernels are known to have are told and counted, but expected:\n"
                "status 0 when there are no others");
  add_lab_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_check_command(*opt, std::cout); });
}

}  // namespace rmaplab
