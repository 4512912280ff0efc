// SPDX-License-Identifier: GPL-2.0-only
// run: the workloads on the running kernel of this machine.
#include <fmt/format.h>

#include <iostream>
#include <optional>

#include "base/interrupt.h"
#include "base/text.h"
#include "cli/function_run.h"
#include "cli/host_run.h"
#include "cli/keep_values.h"
#include "cli/lab_run.h"
#include "reports/report.h"

namespace rmaplab
{

namespace
{

struct RunOptions : LabRunOptions {
  std::string kernel_spec;  // "": the running kernel
  std::string out = "out";
  std::string label;  // "": "host", or the kernel's release
};

// Prints, and ends with the status that a script needs.
int conclude(RunWriter& writer, const Run& run, int status, std::ostream& out)
{
  auto folder = writer.finish();
  if (!folder)
    return complain(folder.error());
  out << run_report(run) << "stored in " << folder->string() << '\n';
  for (const Sample& sample : run.samples)
    if (sample.value.has_value())
      return status;
  return status == kDone ? kNothingRan : status;
}

int run_in_lab(const RunOptions& opt, std::ostream& out)
{
  Screen screen;
  const auto kernel = find_kernel(opt.kernel_spec, opt.kernel, screen.notify());
  if (!kernel)
    return complain(kernel.error());
  const std::string stamp = time_stamp();
  auto writer = RunWriter::create(
      std::filesystem::path(opt.out) / (opt.label.empty() ? kernel->release : opt.label) / stamp,
      screen.notify());
  if (!writer)
    return complain(writer.error());
  auto measured = run_plan_in_lab({*kernel}, opt, screen, {&*writer, 1});
  if (!measured)
    return complain(measured.error());
  KernelRun& one = measured->front();
  int status = tell_failures(one, kernel->release, screen);
  if (one.interrupted && one.samples.empty() && one.failures.empty()) {
    writer->discard();
    screen.note(interrupted_text({}));
    return kInterrupted;
  }
  const Run run = as_run(one, *kernel, stamp);
  if (auto stored = writer->store(run); !stored)
    return complain(stored.error());
  if (one.interrupted) {
    screen.note(interrupted_text({writer->partial()}));
    return kInterrupted;
  }
  if (workload_failed(run))
    status = kCheckFailed;
  return conclude(*writer, run, status, out);
}

int run_run(const RunOptions& opt, std::ostream& out)
{
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  if (!opt.kernel_spec.empty()) {
    if (auto checked = check_functions(opt); !checked)
      return complain(checked.error());
    return run_in_lab(opt, out);
  }
  if (opt.functions)
    return complain({.code = Errc::usage,
                     .context = "--functions: instructions are counted in the exact lab only: "
                                "--kernel SPEC"});
  const std::string stamp = time_stamp();
  auto writer = RunWriter::create(
      std::filesystem::path(opt.out) / (opt.label.empty() ? "host" : opt.label) / stamp,
      [](const std::string& line) { warn(line); });
  if (!writer)
    return complain(writer.error());
  std::optional<Result<HostRun>> host;
  {
    Screen screen;
    ValueKeeper keeper({&*writer, 1}, screen);
    host = measure_host(opt.plan, screen,
                        [&](std::span<const Sample> samples, std::string_view dmesg) {
                          keeper.add(0, samples, dmesg);
                        });
  }
  if (!*host)
    return complain(host->error());
  Run& run = (*host)->run;
  if (interrupted() && run.samples.empty()) {
    writer->discard();
    warn(interrupted_text({}));
    return kInterrupted;
  }
  for (Sample& sample : run.samples)
    sample.run = stamp;
  run.manifest.insert({{"run", stamp}, {"start", stamp}});
  if (auto stored = writer->store(run); !stored)
    return complain(stored.error());
  if (interrupted()) {
    warn(interrupted_text({writer->partial()}));
    return kInterrupted;
  }
  if (!(*host)->ended) {
    warn("the runner ended before its last record" +
         ((*host)->complaints.empty() ? "" : ": " + (*host)->complaints) + "; see " +
         writer->partial().string());
    return kCheckFailed;
  }
  if (!(*host)->complaints.empty())
    warn(std::string(trim((*host)->complaints)));
  return conclude(*writer, run, (*host)->status, out);
}

}  // namespace

void add_run(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<RunOptions>();
  auto* cmd =
      app.add_subcommand("run", "run workloads on the running kernel, or on one in the lab");
  add_plan_options(*cmd, opt->plan);
  cmd->add_option("-o,--out", opt->out, "folder for results")->capture_default_str();
  cmd->add_option("--label", opt->label, "folder in it (default: host, or the kernel's release)");
  cmd->add_option("--kernel", opt->kernel_spec,
                  "boot it in the lab and run there: debian:VERSION, an image, a build tree;\n"
                  "the options below are for it");
  opt->lab.replicas = 1;
  add_lab_run_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_run(*opt, std::cout); });
}

}  // namespace rmaplab
