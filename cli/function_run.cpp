// SPDX-License-Identifier: GPL-2.0-only
#include "cli/function_run.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "results/function_counts.h"
#include "session/function_rows.h"
#include "session/plan.h"

namespace rmaplab
{

namespace
{

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

}  // namespace

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

Result<FunctionCounting> FunctionCounting::prepare(const std::vector<Kernel>& kernels,
                                                   const LabRunOptions& opt, Screen& screen)
{
  const auto machine = machine_for(opt.kernel.architecture);
  if (!machine)
    return machine.error();
  if (const auto there = qemu_version(*machine); !there)
    return there.error();
  auto plugin = find_function_plugin(*machine);
  if (!plugin)
    return plugin.error();
  auto folder = TempDir::create("rmaplab-symbols-");
  if (!folder)
    return folder.error();
  FunctionCounting counting(*std::move(plugin), *std::move(folder));
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    auto symbols =
        symbols_of(kernels[i], opt.lab, screen.notify(), [&](const BootProgress& progress) {
          screen.show(progress.fraction, "symbols of " + kernels[i].release);
        });
    if (!symbols)
      return symbols.error();
    if (auto put = write_file(counting.file(i), symbols->table.text); !put)
      return put.error();
    counting.symbols_.push_back(*std::move(symbols));
  }
  return counting;
}

std::filesystem::path FunctionCounting::file(std::size_t kernel) const
{
  return folder_.path() / fmt::format("symbols.{}", kernel);
}

void FunctionCounting::arm(LabOptions& lab) const
{
  lab.function_plugin = plugin_.file;
  for (std::size_t i = 0; i < symbols_.size(); ++i)
    lab.function_symbols.push_back(file(i));
}

void FunctionCounting::add_rows(KernelRun& run, std::size_t kernel, const LabRunOptions& opt) const
{
  const KernelSymbols& symbols = symbols_[kernel];
  run.manifest["functions.plugin_api"] = std::to_string(plugin_.api);
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

}  // namespace rmaplab
