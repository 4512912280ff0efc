// SPDX-License-Identifier: GPL-2.0-only
// ab: boot two kernels, run the same workloads on both, compare, report.
#include <fmt/format.h>

#include <iostream>

#include "base/files.h"
#include "cli/lab_run.h"
#include "reports/report.h"

namespace rmaplab
{

namespace
{

struct AbOptions : LabRunOptions {
  std::string base;
  std::string head;
  std::string out = "out";
  std::string label;
};

int run_ab(const AbOptions& opt, std::ostream& out)
{
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  Screen screen;
  const Notify notify = screen.notify();
  std::vector<Kernel> kernels;
  for (const auto& spec : {opt.base, opt.head}) {
    auto kernel = find_kernel(spec, opt.kernel, notify);
    if (!kernel)
      return complain(kernel.error());
    kernels.push_back(*std::move(kernel));
  }

  const std::string stamp = time_stamp();
  const std::filesystem::path folder =
      std::filesystem::path(opt.out) / (opt.label.empty() ? "ab-" + stamp : opt.label);
  const char* const ids[] = {"base", "head"};
  std::vector<RunWriter> writers;
  for (const char* id : ids) {
    auto writer = RunWriter::create(folder / id);
    if (!writer)
      return complain(writer.error());
    writers.push_back(*std::move(writer));
  }

  auto measured = run_plan_in_lab(kernels, opt, screen);
  if (!measured)
    return complain(measured.error());

  int status = kDone;
  Result<> storing = ok();
  std::vector<Run> runs;
  for (std::size_t i = 0; i < 2; ++i) {
    KernelRun& one = (*measured)[i];
    if (const int told = tell_failures(one, ids[i], screen); told != kDone)
      status = told;
    runs.push_back(as_run(one, kernels[i], ids[i]));
    runs.back().manifest["start"] = stamp;
    if (auto stored = writers[i].store(runs.back()); !stored)
      storing = stored;  // a full disk: what was measured is still compared and printed
    if (workload_failed(runs.back()))
      status = kCheckFailed;
  }
  if ((*measured)[0].interrupted || (*measured)[1].interrupted) {
    screen.note(fmt::format("interrupted; what was measured is in {} and {}",
                            writers[0].partial().string(), writers[1].partial().string()));
    return kInterrupted;
  }
  if (runs[0].samples.empty() || runs[1].samples.empty()) {
    screen.note(fmt::format("no comparison: {} brought no values; consoles are in {}",
                            runs[0].samples.empty() ? "base" : "head", folder.string()));
    return kCheckFailed;
  }
  const Comparison comparison = compare_runs(runs[0], runs[1]);
  const std::string report =
      lkml_report(comparison, {.rmaplab_version = version(), .command = command_line()});
  for (auto& writer : writers)
    if (storing)
      if (auto finished = writer.finish(); !finished)
        storing = finished.error();
  for (const auto& [name, text] :
       {std::pair{"report.txt", report}, {"comparison.csv", csv_report(comparison)}})
    if (storing)
      storing = write_file(folder / name, text);
  if (storing)
    screen.note(fmt::format("stored in {}", folder.string()));
  else
    status = complain(storing.error());
  out << report << std::flush;
  return status;
}

}  // namespace

void add_ab(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<AbOptions>();
  auto* cmd = app.add_subcommand("ab", "boot two kernels, measure both, compare, report");
  cmd->add_option("base,--base", opt->base,
                  "kernel to compare against: debian:VERSION, an image, a build tree")
      ->required();
  cmd->add_option("head,--head", opt->head, "kernel under test, likewise")->required();
  add_plan_options(*cmd, opt->plan);
  cmd->add_option("-o,--out", opt->out, "folder for results")->capture_default_str();
  cmd->add_option("--label", opt->label, "folder in it (default: ab-TIME)");
  add_lab_run_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_ab(*opt, std::cout); });
}

}  // namespace rmaplab
