// SPDX-License-Identifier: GPL-2.0-only
#include "cli/lab_run.h"

#include <fmt/format.h>

#include <optional>

#include "base/files.h"
#include "base/process.h"
#include "base/regular_file.h"
#include "cli/function_run.h"
#include "cli/keep_values.h"

namespace rmaplab
{

void add_lab_run_options(CLI::App& cmd, LabRunOptions& opt)
{
  cmd.add_option("--replicas", opt.lab.replicas,
                 "boots a kernel, each started in its own reproducible way")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  cmd.add_flag("--functions", opt.functions,
               "count instructions and calls by kernel function too (exact mode);\n"
               "see `rmaplab compare --functions`");
  add_lab_options(cmd, opt);
}

Result<std::vector<KernelRun>> run_plan_in_lab(const std::vector<Kernel>& kernels,
                                               const LabRunOptions& opt, Screen& screen,
                                               std::span<RunWriter> writers)
{
  const auto traces = trace_facts(opt.plan);
  if (!traces)
    return traces.error();
  const auto files = traces_in_guest(opt.plan.traces);
  if (!files)
    return files.error();
  LabOptions lab = opt.lab;
  std::optional<FunctionCounting> counting;
  if (opt.functions) {
    auto prepared = FunctionCounting::prepare(kernels, opt, screen);
    if (!prepared)
      return prepared.error();
    counting.emplace(*std::move(prepared));
    counting->arm(lab);
  }
  ValueKeeper keeper(writers, screen);
  const auto keep = [&](std::size_t kernel, const KernelRun& boot) {
    keeper.add(kernel, boot.samples, boot.dmesg);
  };
  auto measured = measure_kernels(
      kernels, lab,
      [&](int replica) {
        GuestCommand guest{.arguments = runner_arguments(opt.plan, kGuestTraces), .files = *files};
        add_start(guest.arguments, opt.lab.mode, replica);
        return guest;
      },
      screen.notify(),
      [&](const BootProgress& progress) {
        std::string text = fmt::format("{} of {} boots done", progress.boots_done, progress.boots);
        for (const auto& line : progress.running)
          text += " | " + line;
        screen.show(progress.fraction, text);
      },
      writers.empty() ? KeepBoot() : KeepBoot(keep));
  if (measured)
    for (KernelRun& one : *measured)
      one.manifest.insert(traces->begin(), traces->end());
  if (measured && counting)
    for (std::size_t i = 0; i < kernels.size(); ++i)
      counting->add_rows((*measured)[i], i, opt);
  return measured;
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
  run.gaps = gaps_of(run.manifest, run.samples);
  if (!kernel.config.empty())
    if (auto text = read_file(kernel.config))
      run.config = *std::move(text);
  return run;
}

Result<std::vector<ImageFile>> traces_in_guest(const std::vector<std::string>& paths)
{
  std::vector<ImageFile> files;
  for (const std::filesystem::path trace : paths) {
    auto content = read_regular_file(trace);
    if (!content)
      return content.error();
    const auto place = std::filesystem::path(kGuestTraces + 1) / trace.filename();
    files.push_back({.path = place.string(), .content = *std::move(content)});
  }
  return files;
}

Result<GuestCommand> program_in_guest(std::vector<std::string> command,
                                      const std::string& architecture)
{
  const auto program = find_program(command[0]);
  if (!program)
    return Error{.code = Errc::usage,
                 .context = fmt::format("no program \"{}\" to run in the guest", command[0])};
  const auto guest = find_architecture(architecture);
  const auto build = guest ? guest_build(*guest) : Result<GuestBuild>(guest.error());
  if (!build)
    return build.error();
  auto files = program_files(*program, "rmaplab/program", *build);
  if (!files)
    return files.error();
  command[0] = "/rmaplab/program";
  command.insert(command.begin(), "exec");
  return GuestCommand{.arguments = std::move(command), .files = *std::move(files)};
}

int run_one_guest(const std::string& kernel_spec, LabCommandOptions opt, const GuestCommand& guest,
                  std::ostream& out, bool console)
{
  Screen screen;
  const Notify notify = screen.notify();
  auto kernel = find_kernel(kernel_spec, opt.kernel, notify);
  if (!kernel)
    return complain(kernel.error());
  opt.lab.replicas = 1;
  auto measured = measure_kernels(
      {*kernel}, opt.lab, [&](int) { return guest; }, notify,
      [&](const BootProgress& progress) {
        screen.show(progress.fraction, progress.running.empty() ? "" : progress.running[0]);
      });
  if (!measured)
    return complain(measured.error());
  const KernelRun& run = measured->front();
  if (console)
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
  if (!run.failures.empty())
    return kCheckFailed;
  // A program's status is its own affair: 2, 3 or 77 of it are not ours.
  if (guest.arguments[0] == "exec" && run.guest_status != 0) {
    screen.note(fmt::format("the command ended with status {}", run.guest_status));
    return kCheckFailed;
  }
  return run.guest_status;
}

bool workload_failed(const Run& run)
{
  for (const Sample& sample : run.samples)
    if (sample.status == SampleStatus::fail)
      return true;
  return false;
}

}  // namespace rmaplab
