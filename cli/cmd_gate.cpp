// SPDX-License-Identifier: GPL-2.0-only
// gate: two runs or kernels, a policy, a verdict that a CI job can act on.
#include <fmt/format.h>

#include <iostream>

#include "base/files.h"
#include "cli/function_run.h"
#include "cli/kernel_pair.h"
#include "cli/run_folder.h"
#include "cli/stored_runs.h"
#include "reports/gate.h"

namespace rmaplab
{

namespace
{

namespace fs = std::filesystem;

struct GateOptions : LabRunOptions {
  KernelPairOptions pair;
  std::string policy;
  std::string junit;
  std::string out = "out";
  std::string label;
  bool force = false;
};

// A folder of `run` or `ab`, or of several of them; anything else is a kernel's spec.
bool is_run(const std::string& spec)
{
  std::error_code error;
  if (fs::exists(fs::path(spec) / "samples.csv", error))
    return true;
  for (const auto& entry : fs::directory_iterator(spec, error))
    if (fs::exists(entry.path() / "samples.csv", error))
      return true;
  return false;
}

// Both sides: stored ones are read, kernels are booted with one plan.
Result<StoredRuns> runs_of(const GateOptions& opt, const std::vector<std::string>& specs,
                           Screen& screen)
{
  StoredRuns all;
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
    if (!kernel)
      return kernel.error();
    kernels.push_back(*std::move(kernel));
    ids.emplace_back(kIds[i]);
  }
  if (kernels.empty())
    return all;
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
  return all;
}

int run_gate(const GateOptions& opt, std::ostream& out)
{
  Policy policy;
  if (!opt.policy.empty()) {
    const auto text = read_file(opt.policy);
    if (!text)
      return complain(text.error());
    auto parsed = Policy::parse(opt.policy, *text);
    if (!parsed)
      return complain(parsed.error());
    policy = *std::move(parsed);
  }
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  if (auto checked = check_functions(opt); !checked)
    return complain(checked.error());
  Screen screen;
  const auto specs = specs_of(opt.pair, opt.kernel, screen.notify());
  if (!specs)
    return complain(specs.error());
  auto stored = runs_of(opt, *specs, screen);
  if (!stored)
    return complain(stored.error());
  const Comparison comparison = compare_runs(stored->runs[0], stored->runs[1]);
  if (auto comparable = check_comparable(comparison); !comparable && !opt.force)
    return complain(comparable.error());
  Gate gate = judge(comparison, policy);
  blame_functions(gate, stored->runs[0], stored->runs[1]);
  out << gate_ktap(gate) << std::flush;
  if (!opt.junit.empty())
    if (auto written = write_file(opt.junit, gate_junit(gate)); !written)
      return complain(written.error());
  if (stored->status == kUsage)
    return kUsage;
  switch (gate.verdict) {
    case GateVerdict::fail:
      return kCheckFailed;
    case GateVerdict::inconclusive:
      return kInconclusive;
    case GateVerdict::pass:
      return stored->status;
    case GateVerdict::skip:
      break;
  }
  return stored->status == kDone ? kNothingRan : stored->status;
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
  cmd->add_option("--policy", opt->policy,
                  "limits by metric and workload (docs/gate.md; default: headline metrics, their "
                  "floors)");
  cmd->add_option("--junit", opt->junit, "write the verdicts to this file as JUnit XML too");
  cmd->add_flag("--force", opt->force, "judge runs of different machines, modes or presets too");
  add_plan_options(*cmd, opt->plan);
  cmd->add_option("-o,--out", opt->out, "folder for results of kernels")->capture_default_str();
  cmd->add_option("--label", opt->label, "folder in it (default: gate-TIME)");
  add_lab_run_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_gate(*opt, std::cout); });
}

}  // namespace rmaplab
