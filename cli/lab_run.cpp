// SPDX-License-Identifier: GPL-2.0-only
#include "cli/lab_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "lab/function_counting.h"
#include "results/function_counts.h"
#include "session/function_rows.h"
#include "session/plan.h"

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

Result<> check_functions(const LabRunOptions& opt)
{
  const auto refuse = [](const std::string& why) {
    return Error{.code = Errc::usage, .context = "--functions: " + why};
  };
  const auto passes = split(opt.plan.passes, ',');
  if (!opt.functions)
    return ok();
  if (opt.lab.mode != "exact")
    return refuse("instructions are counted in the exact lab only, not in mode " + opt.lab.mode);
  if (opt.kernel.architecture != "amd64")
    return refuse("guests of " + opt.kernel.architecture + " are not counted yet, only amd64");
  if (!opt.plan.passes.empty() && std::ranges::find(passes, "bare") == passes.end())
    return refuse("functions are counted in the pass bare, which is not among the passes");
  return ok();
}

namespace
{

// The plugin, and for each kernel its symbols in a file.
struct FunctionCounting {
  FunctionPlugin plugin;
  std::vector<KernelSymbols> symbols;
  TempDir folder;
  std::filesystem::path file(std::size_t kernel) const
  {
    return folder.path() / fmt::format("symbols.{}", kernel);
  }
};

Result<FunctionCounting> prepare_functions(const std::vector<Kernel>& kernels,
                                           const LabRunOptions& opt, Screen& screen)
{
  const auto machine = machine_for(opt.kernel.architecture);
  if (!machine)
    return machine.error();
  if (const auto there = qemu_version(*machine); !there)
    return there.error();
  const auto plugin = find_function_plugin(*machine);
  if (!plugin)
    return plugin.error();
  auto folder = TempDir::create("rmaplab-symbols-");
  if (!folder)
    return folder.error();
  FunctionCounting counting{.plugin = *plugin, .symbols = {}, .folder = *std::move(folder)};
  for (const Kernel& kernel : kernels) {
    auto symbols = symbols_of(kernel, opt.lab, screen.notify(), [&](const BootProgress& progress) {
      screen.show(progress.fraction, "symbols of " + kernel.release);
    });
    if (!symbols)
      return symbols.error();
    if (auto put = write_file(counting.file(counting.symbols.size()), symbols->table.text); !put)
      return put.error();
    counting.symbols.push_back(*std::move(symbols));
  }
  return counting;
}

// Why the symbols are not those of the kernel that ran; "" where they are.
std::string other_kernel(const KernelSymbols& symbols, const Manifest& manifest)
{
  const auto differs = [&](const char* key, const std::string& expected) {
    const std::string said = manifest_value(manifest, key);
    return said == expected ? ""
                            : fmt::format("{} is {} by {}, {} in the guest", key, expected,
                                          symbols.source, said.empty() ? "not known" : said);
  };
  const SymbolTable& table = symbols.table;
  const std::string place = differs("kernel.code_address", fmt::format("{:x}", table.text_address));
  return !place.empty() || table.text_bytes == 0
             ? place
             : differs("kernel.code_bytes", std::to_string(table.text_bytes));
}

// What was counted becomes rows, unless it was counted by addresses of another kernel.
void add_function_rows(KernelRun& run, const FunctionPlugin& plugin, const KernelSymbols& symbols,
                       const LabRunOptions& opt)
{
  run.manifest["functions.plugin_api"] = std::to_string(plugin.api);
  run.manifest["functions.symbols"] = symbols.source + " sha256 " + symbols.sha256;
  if (run.function_counts.empty())
    return;
  if (const std::string why = other_kernel(symbols, run.manifest); !why.empty()) {
    run.failures.push_back("functions not counted: " + why);
    return;
  }
  for (const auto& [boot, text] : run.function_counts) {
    std::vector<Sample> of_boot;
    for (const Sample& sample : run.samples)
      if (sample.boot == boot)
        of_boot.push_back(sample);
    const auto counts = parse_function_counts(fmt::format("plugin, boot {}", boot), text);
    const auto cases = plan_cases({.mode = Mode::exact,
                                   .preset = opt.plan.preset,
                                   .filter = opt.plan.workloads(),
                                   .arguments = opt.plan.arguments,
                                   .passes = opt.plan.passes,
                                   .traces = opt.plan.traces,
                                   .replica = opt.lab.first_replica + boot - 1,
                                   .pin = opt.plan.pin});
    if (!counts || !cases) {
      run.failures.push_back(to_string(counts ? cases.error() : counts.error()));
      continue;
    }
    for (Sample& row : function_rows(*counts, *cases, of_boot))
      run.samples.push_back(std::move(row));
  }
}

}  // namespace

Result<std::vector<KernelRun>> run_plan_in_lab(const std::vector<Kernel>& kernels,
                                               const LabRunOptions& opt, Screen& screen)
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
    auto prepared = prepare_functions(kernels, opt, screen);
    if (!prepared)
      return prepared.error();
    counting.emplace(*std::move(prepared));
    lab.function_plugin = counting->plugin.file;
    for (std::size_t i = 0; i < kernels.size(); ++i)
      lab.function_symbols.push_back(counting->file(i));
  }
  auto measured = measure_kernels(
      kernels, lab,
      [&](int replica) {
        GuestCommand guest{.arguments = runner_arguments(opt.plan, kGuestTraces), .files = *files};
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
  if (measured)
    for (KernelRun& one : *measured)
      one.manifest.insert(traces->begin(), traces->end());
  if (measured && counting)
    for (std::size_t i = 0; i < kernels.size(); ++i)
      add_function_rows((*measured)[i], counting->plugin, counting->symbols[i], opt);
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
  if (!kernel.config.empty())
    if (auto text = read_file(kernel.config))
      run.config = *std::move(text);
  return run;
}

Result<std::vector<ImageFile>> traces_in_guest(const std::vector<std::string>& paths)
{
  std::vector<ImageFile> files;
  for (const std::filesystem::path trace : paths) {
    auto content = read_file(trace);
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
  return run.failures.empty() ? run.guest_status : kCheckFailed;
}

bool workload_failed(const Run& run)
{
  for (const Sample& sample : run.samples)
    if (sample.status == SampleStatus::fail)
      return true;
  return false;
}

}  // namespace rmaplab
