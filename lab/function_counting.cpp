// SPDX-License-Identifier: GPL-2.0-only
#include "lab/function_counting.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

// Newest first: a newer QEMU's refusal of an older version is the one to tell of.
constexpr int kVersions[] = {4, 1};

Result<std::string> kallsyms_of_guest(const Kernel& kernel, LabOptions options,
                                      const Notify& notify, const ShowProgress& show)
{
  options.mode = "exact";
  options.replicas = 1;
  options.cpus = 1;
  options.function_plugin.clear();
  notify("booting " + kernel.release + " once for its symbols");
  auto runs = measure_kernels(
      {kernel}, options, [](int) { return GuestCommand{.arguments = {"kallsyms"}, .files = {}}; },
      notify, show);
  if (!runs)
    return runs.error();
  KernelRun& run = runs->front();
  if (run.interrupted)
    return Error{.code = Errc::interrupted, .context = "interrupted"};
  if (!run.failures.empty() || run.guest_status != 0)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format(
                     "no symbols of {}: {}", kernel.release,
                     run.failures.empty() ? trim(run.output) : std::string_view(run.failures[0]))};
  return std::move(run.output);
}

Result<KernelSymbols> symbols_in(const std::string& name, const std::string& source,
                                 const std::string& text)
{
  auto table = symbol_table(name, text);
  if (!table)
    return table.error();
  return KernelSymbols{.table = *std::move(table), .source = source, .sha256 = sha256(text)};
}

}  // namespace

Result<FunctionPlugin> find_function_plugin(const Machine& machine)
{
  std::string reasons;
  for (const int version : kVersions) {
    const fs::path file = program_directory() / fmt::format("rmaplab-functions-{}.so", version);
    std::error_code error;
    if (!fs::exists(file, error))
      continue;
    auto tried = run_command(
        {.argv = {machine.qemu, "-M", "none", "-accel", "tcg", "-nodefaults", "-display", "none",
                  "-plugin", "file=" + option_value(file.string()) + ",check=1"}});
    if (!tried)
      return tried.error();
    if (WIFEXITED(tried->wait_status) && WEXITSTATUS(tried->wait_status) == 0)
      return FunctionPlugin{.file = file, .api = version};
    const auto lines = lines_of(trim(tried->err));
    reasons += fmt::format("; {}", lines.empty() ? "no word" : lines.back());
  }
  return Error{.code = Errc::unsupported,
               .context = reasons.empty() ? "no plugin rmaplab-functions-*.so beside the program"
                                          : machine.qemu + " accepts no plugin of ours" + reasons};
}

Result<KernelSymbols> symbols_of(const Kernel& kernel, const LabOptions& options,
                                 const Notify& notify, const ShowProgress& show)
{
  if (!kernel.system_map.empty()) {
    const auto text = read_file(kernel.system_map);
    return text ? symbols_in(kernel.system_map.string(), "System.map", *text)
                : Result<KernelSymbols>(text.error());
  }
  const auto cache = own_cache_directory();
  if (!cache)
    return cache.error();
  const fs::path cached = *cache / "symbols" / (kernel.image_sha256 + ".kallsyms");
  const std::string name = "kallsyms of " + kernel.release;
  if (const auto text = read_file(cached))
    if (auto symbols = symbols_in(name, "kallsyms", *text))
      return symbols;
  const auto text = kallsyms_of_guest(kernel, options, notify, show);
  if (!text)
    return text.error();
  auto symbols = symbols_in(name, "kallsyms", *text);
  if (!symbols)
    return symbols;
  if (auto made = make_directories(cached.parent_path()); !made)
    return made.error();
  if (auto kept = write_file(cached, *text); !kept)
    return kept.error();
  return symbols;
}

}  // namespace rmaplab
