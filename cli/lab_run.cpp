// SPDX-License-Identifier: GPL-2.0-only
#include "cli/lab_run.h"

#include <fmt/format.h>

#include "base/files.h"

namespace rmaplab
{

void add_lab_run_options(CLI::App& cmd, LabRunOptions& opt)
{
  cmd.add_option("--replicas", opt.lab.replicas,
                 "boots a kernel, each started in its own reproducible way")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  add_lab_options(cmd, opt);
}

Result<std::vector<KernelRun>> run_plan_in_lab(const std::vector<Kernel>& kernels,
                                               const LabRunOptions& opt, Screen& screen)
{
  return measure_kernels(
      kernels, opt.lab,
      [&](int replica) {
        GuestCommand guest{.arguments = runner_arguments(opt.plan)};
        add_start(guest.arguments, opt.lab.mode, replica);
        return guest;
      },
      screen.notify(),
      [&](const BootProgress& progress) {
        std::string text = fmt::format("boot {}/{}", progress.boots_done, progress.boots);
        for (const auto& line : progress.running)
          text += " | " + line;
        screen.show(progress.fraction, text);
      });
}

int tell_failures(const KernelRun& measured, const std::string& name, Screen& screen)
{
  for (const auto& failure : measured.failures)
    screen.note(fmt::format("{}: {}", name, failure));
  if (!measured.failed_console.empty())
    screen.note(fmt::format("end of its console:\n{}", measured.failed_console));
  if (!measured.output.empty())
    screen.note(fmt::format("{}: guest says: {}", name, measured.output));
  return measured.failures.empty() && measured.guest_status == 0 ? kDone : kCheckFailed;
}

Run as_run(KernelRun& measured, const Kernel& kernel, const std::string& id)
{
  Run run{.manifest = measured.manifest,
          .samples = std::move(measured.samples),
          .dmesg = std::move(measured.dmesg)};
  for (Sample& sample : run.samples)
    sample.run = id;
  run.manifest["run"] = id;
  run.manifest["rmaplab.version"] = version();
  run.manifest["command"] = command_line();
  for (std::size_t i = 0; i < measured.failures.size(); ++i)
    run.manifest[fmt::format("failure.{}", i + 1)] = measured.failures[i];
  if (!kernel.config.empty())
    if (auto text = read_file(kernel.config))
      run.config = *std::move(text);
  return run;
}

bool workload_failed(const Run& run)
{
  for (const Sample& sample : run.samples)
    if (sample.status == SampleStatus::fail)
      return true;
  return false;
}

}  // namespace rmaplab
