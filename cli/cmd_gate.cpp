// SPDX-License-Identifier: GPL-2.0-only
// gate: two runs or kernels, a policy, a verdict that a CI job can act on.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "base/files.h"
#include "base/regular_file.h"
#include "cli/function_run.h"
#include "cli/kernel_pair.h"
#include "cli/run_folder.h"
#include "cli/stored_runs.h"
#include "reports/functions.h"
#include "reports/gate.h"

namespace rmaplab
{

namespace
{

namespace fs = std::filesystem;

struct GateOptions : LabRunOptions {
  KernelPairOptions pair;
  std::string policy;
  bool has_policy = false;  // --policy was given, if with nothing
  std::string junit;
  bool has_junit = false;              // --junit was given, if with nothing
  std::vector<std::string> measuring;  // options given that only say how a kernel is measured
  std::string out = "out";
  std::string label;
  bool force = false;
  bool bisect = false;
};

constexpr std::uint64_t kMostPolicyBytes = 1 << 20;

// A folder of `run` or `ab`, or of several of them, finished or not; anything else is a kernel's
// spec.
bool is_run(const std::string& spec)
{
  std::error_code error;
  for (const char* name :
       {"samples.csv", "samples.csv.gz", "samples.csv.xz", "samples.csv.zst", "samples.csv.bz2"})
    if (fs::exists(fs::path(spec) / name, error))
      return true;
  for (const auto& entry : fs::directory_iterator(spec, error))
    if (fs::exists(entry.path() / "samples.csv", error) || entry.path().extension() == ".partial")
      return true;
  // What cannot be looked into is said by whoever reads it.
  if (error == std::errc::permission_denied)
    return true;
  return fs::path(spec).extension() == ".partial" ||
         (!fs::exists(spec, error) && fs::exists(spec + ".partial", error));
}

// Both sides: stored ones are read, kernels are booted with one plan.
struct Sides {
  StoredRuns stored;
  std::vector<Kernel> booted;  // of both, where both are kernels
};
Result<Sides> sides_of(const GateOptions& opt, const std::vector<std::string>& specs,
                       Screen& screen)
{
  Sides sides;
  StoredRuns& all = sides.stored;
  all.runs.resize(2);
  std::vector<Kernel> kernels;
  std::vector<std::string> ids;
  constexpr const char* kIds[] = {"base", "head"};
  for (std::size_t i = 0; i < 2; ++i) {
    if (auto checked = check_one_kernel(specs[i]); !checked)
      return checked.error();
    if (is_run(specs[i])) {
      auto run = read_runs(specs[i]);
      if (!run)
        return run.error();
      all.runs[i] = *std::move(run);
      continue;
    }
    auto kernel = find_kernel(specs[i], opt.kernel, screen.notify());
    if (!kernel && kernel.error().code == Errc::parse)
      return Error{
          .code = kernel.error().code,
          .context = "not the folder of a run, and as a kernel: " + kernel.error().context};
    if (!kernel)
      return kernel.error();
    kernels.push_back(*std::move(kernel));
    ids.emplace_back(kIds[i]);
  }
  if (kernels.empty() && !opt.measuring.empty())
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: both sides are stored runs, nothing is measured",
                                        fmt::join(opt.measuring, ", "))};
  if (kernels.empty())
    return sides;
  const fs::path folder =
      fs::path(opt.out) / (opt.label.empty() ? "gate-" + time_stamp() : opt.label);
  auto stored = measure_and_store(kernels, ids, folder, opt, screen);
  if (!stored)
    return stored.error();
  all.on_disk = stored->on_disk;
  all.status = stored->status;
  for (std::size_t i = 0; i < ids.size(); ++i)
    all.runs[ids[i] == kIds[0] ? 0 : 1] = std::move(stored->runs[i]);
  if (all.on_disk)
    screen.note(fmt::format("stored in {}", folder.string()));
  if (kernels.size() == 2)
    sides.booted = std::move(kernels);
  return sides;
}

// The workloads with a row of instructions that is worse, joined with commas.
std::string worse_workloads(const Gate& gate)
{
  std::string names;
  std::set<std::string> seen;
  for (const GateRow& row : gate.rows)
    if (row.verdict == GateVerdict::fail && !row.row.head.failed &&
        row.row.metric->kind == MetricClass::deterministic && seen.insert(row.row.workload).second)
      names += (names.empty() ? "" : ",") + row.row.workload;
  return names;
}

// Which functions a failure is in: both kernels once more with what failed alone, counted by
// function. Where that cannot be done the verdict stands, and says so.
void count_failed_functions(Gate& gate, const Policy& policy, const GateOptions& opt,
                            const Sides& sides, Screen& screen)
{
  const std::string workloads = worse_workloads(gate);
  if (workloads.empty() || opt.functions || opt.lab.mode != "exact")
    return;
  auto cannot = [&](const std::string& why) {
    gate.notes.push_back("kernel functions of the failures are not known: " + why);
  };
  if (!function_cases(sides.stored.runs[0], sides.stored.runs[1]).empty())
    return;  // weighed already
  if (sides.booted.empty())
    return cannot("a stored run has none; measure both sides with --functions");
  LabRunOptions again = opt;
  again.functions = true;
  again.lab.replicas = 1;
  again.plan.filter = workloads;
  again.plan.passes = "bare";
  if (auto checked = check_functions(again); !checked)
    return cannot(to_string(checked.error()));
  screen.note("counting kernel functions of what is worse: " + workloads);
  auto measured = run_plan_in_lab(sides.booted, again, screen);
  if (!measured)
    return cannot(to_string(measured.error()));
  std::vector<Run> runs;
  for (std::size_t i = 0; i < 2; ++i)
    runs.push_back(as_run((*measured)[i], sides.booted[i], i == 0 ? "base" : "head"));
  weigh_functions(gate, policy, runs[0], runs[1]);
}

Result<Policy> policy_of(const GateOptions& opt)
{
  if (!opt.has_policy)
    return Policy();
  const auto text = read_regular_file(opt.policy, kMostPolicyBytes);
  if (!text)
    return text.error();
  return Policy::parse(opt.policy, *text);
}

int status_of(const Gate& gate, const Sides& sides)
{
  const int status = sides.stored.status;
  if (status == kUsage)
    return kUsage;
  switch (gate.verdict) {
    case GateVerdict::fail:
      return kCheckFailed;
    case GateVerdict::inconclusive:
      return kInconclusive;
    case GateVerdict::pass:
      return status;
    case GateVerdict::skip:
      break;
  }
  return status == kDone ? kNothingRan : status;
}

bool lies_in(const fs::path& file, const fs::path& folder)
{
  std::error_code error;
  const fs::path inner = fs::weakly_canonical(file, error);
  const fs::path outer = fs::weakly_canonical(folder, error);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

// A verdict of an earlier gate does not stay behind where this one comes to none, whatever ends it.
Result<> begin_junit(const GateOptions& opt)
{
  if (opt.has_junit && opt.junit.empty())
    return Error{.code = Errc::usage, .context = "--junit: expected a file's name"};
  std::error_code error;
  for (const auto& spec : {opt.pair.base, opt.pair.head})
    if (!opt.junit.empty() && !spec.empty() && is_run(spec) && lies_in(opt.junit, spec))
      return Error{
          .code = Errc::usage,
          .context = fmt::format("--junit {}: lies in {}, which is to be judged", opt.junit, spec)};
  const bool writes_a_file = fs::is_regular_file(opt.junit, error) || !fs::exists(opt.junit, error);
  if (opt.junit.empty() || !writes_a_file)
    return ok();
  return write_file(opt.junit, error_junit("the gate ended before a verdict"));
}

int judge_sides(const GateOptions& opt, std::ostream& out, bool& head_failed)
{
  if (auto begun = begin_junit(opt); !begun)
    return complain(begun.error());
  const auto policy = policy_of(opt);
  if (!policy)
    return complain(policy.error());
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  if (auto checked = check_functions(opt); !checked)
    return complain(checked.error());
  Screen screen;
  const auto specs = specs_of(opt.pair, opt.kernel, screen.notify());
  if (!specs)
    return complain(specs.error());
  auto sides = sides_of(opt, *specs, screen);
  if (!sides)
    return complain(sides.error());
  const auto& runs = sides->stored.runs;
  const Comparison comparison = compare_runs(runs[0], runs[1]);
  if (auto comparable = check_comparable(comparison); !comparable && !opt.force)
    return complain(comparable.error());
  Gate gate = judge(comparison, *policy);
  weigh_functions(gate, *policy, runs[0], runs[1]);
  count_failed_functions(gate, *policy, opt, *sides, screen);
  head_failed = gate.head_failed;
  out << gate_ktap(gate) << std::flush;
  if (!opt.junit.empty())
    if (auto written = write_file(opt.junit, gate_junit(gate)); !written)
      return complain(written.error());
  return status_of(gate, *sides);
}

int run_gate(const GateOptions& opt, std::ostream& out)
{
  bool head_failed = false;
  const int status = judge_sides(opt, out, head_failed);
  if (!opt.bisect || status == kDone || status == kInterrupted)
    return status;
  return status == kCheckFailed && head_failed ? kCheckFailed : kBisectSkip;
}

}  // namespace

void add_gate(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<GateOptions>();
  auto* cmd = app.add_subcommand(
      "gate", "judge two runs or kernels by a policy: exit 0 pass, 1 fail, 3 inconclusive");
  add_kernel_pair(*cmd, opt->pair,
                  "the folder of a stored run, or of several of one kernel, or a kernel as "
                  "`ab` takes it");
  auto* policy = cmd->add_option(
      "--policy", opt->policy,
      "limits by metric and workload (docs/gate.md; default: headline metrics, their "
      "floors)");
  auto* junit =
      cmd->add_option("--junit", opt->junit, "write the verdicts to this file as JUnit XML too");
  cmd->add_flag("--force", opt->force, "judge runs of different machines, modes or presets too");
  cmd->add_flag("--bisect", opt->bisect,
                "exit as `git bisect run` wants it: 0 pass, 1 the head failed, 125 anything else");
  add_plan_options(*cmd, opt->plan);
  cmd->add_option("-o,--out", opt->out, "folder for results of kernels")->capture_default_str();
  cmd->add_option("--label", opt->label, "folder in it (default: gate-TIME)");
  add_lab_run_options(*cmd, *opt);
  cmd->callback([opt, policy, junit, cmd, &exit_status] {
    opt->has_policy = policy->count() > 0;
    opt->has_junit = junit->count() > 0;
    constexpr std::string_view kOfRuns[] = {"--policy", "--junit", "--force", "--bisect"};
    for (const CLI::Option* option : cmd->get_options())
      if (option->count() > 0 && !option->get_positional() &&
          std::ranges::find(kOfRuns, option->get_name()) == std::end(kOfRuns))
        opt->measuring.push_back(option->get_name());
    exit_status = run_gate(*opt, std::cout);
  });
}

}  // namespace rmaplab
