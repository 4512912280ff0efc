// SPDX-License-Identifier: GPL-2.0-only
// ab: boot two kernels, run the same workloads on both, compare, report.
#include <fmt/format.h>

#include <iostream>
#include <unordered_set>

#include "base/files.h"
#include "cli/function_run.h"
#include "cli/kernel_pair.h"
#include "cli/selfcheck_store.h"
#include "cli/stored_runs.h"
#include "reports/functions.h"
#include "reports/report.h"

namespace rmaplab
{

namespace
{

struct AbOptions : LabRunOptions {
  KernelPairOptions pair;
  std::string out = "out";
  std::string label;
};

// The functions of the cases whose headline changed.
std::string changed_functions(const Comparison& comparison, const Run& base, const Run& head)
{
  std::unordered_set<CaseName> differ;
  for (const ComparisonRow& row : comparison.rows)
    if (row.metric->name == "instructions" &&
        (row.verdict == Verdict::better || row.verdict == Verdict::worse))
      differ.insert({.workload = row.workload, .arguments = row.arguments});
  std::vector<CaseName> changed = function_cases(base, head);
  std::erase_if(changed, [&](const CaseName& one) { return !differ.contains(one); });
  return changed.empty() ? "\nkernel functions: no case's instructions changed\n"
                         : "\n" + functions_report(base, head, changed, {});
}

int run_ab(const AbOptions& opt, std::ostream& out)
{
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  if (auto checked = check_functions(opt); !checked)
    return complain(checked.error());
  Screen screen;
  const Notify notify = screen.notify();
  const auto specs = specs_of(opt.pair, opt.kernel, notify);
  if (!specs)
    return complain(specs.error());
  std::vector<Kernel> kernels;
  for (const auto& spec : *specs) {
    auto kernel = find_kernel(spec, opt.kernel, notify);
    if (!kernel)
      return complain(kernel.error());
    kernels.push_back(*std::move(kernel));
  }

  const std::filesystem::path folder =
      std::filesystem::path(opt.out) / (opt.label.empty() ? "ab-" + time_stamp() : opt.label);
  auto stored = measure_and_store(kernels, {"base", "head"}, folder, opt, screen);
  if (!stored)
    return complain(stored.error());
  const auto& runs = stored->runs;
  if (runs[0].samples.empty() || runs[1].samples.empty()) {
    screen.note(fmt::format("no comparison: {} brought no values; consoles are in {}",
                            runs[0].samples.empty() ? "base" : "head", folder.string()));
    return kCheckFailed;
  }
  const Comparison comparison = compare_runs(runs[0], runs[1]);
  std::string report = lkml_report(comparison, {.rmaplab_version = version(),
                                                .command = command_line(),
                                                .selfcheck = quoted_selfcheck(comparison.base)});
  if (opt.functions)
    report += changed_functions(comparison, runs[0], runs[1]);
  int status = stored->status;
  if (stored->on_disk) {
    Result<> storing = ok();
    for (const auto& [name, text] :
         {std::pair{"report.txt", report}, {"comparison.csv", csv_report(comparison)}})
      if (storing)
        storing = write_file(folder / name, text);
    if (storing)
      screen.note(fmt::format("stored in {}", folder.string()));
    else
      status = complain(storing.error());
  }
  out << report << std::flush;
  return status;
}

}  // namespace

void add_ab(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<AbOptions>();
  auto* cmd = app.add_subcommand("ab", "boot two kernels, measure both, compare, report");
  add_kernel_pair(*cmd, opt->pair,
                  "debian:VERSION, an image, a build tree, a folder of `kernel build`");
  add_plan_options(*cmd, opt->plan);
  cmd->add_option("-o,--out", opt->out, "folder for results")->capture_default_str();
  cmd->add_option("--label", opt->label, "folder in it (default: ab-TIME)");
  add_lab_run_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_ab(*opt, std::cout); });
}

}  // namespace rmaplab
