// SPDX-License-Identifier: GPL-2.0-only
// kernel fetch, kernel list: Debian's kernels, into the cache. kernel build: one from source.
#include <fmt/format.h>

#include <iostream>

#include "cli/commands.h"
#include "lab/debian_archive.h"
#include "lab/kernel_build.h"

namespace rmaplab
{

namespace
{

struct KernelCommandOptions : KernelOptions {
  std::vector<std::string> specs;
};

int run_fetch(const KernelCommandOptions& opt, std::ostream& out)
{
  Screen screen;
  for (const auto& spec : opt.specs) {
    auto kernel = find_kernel(spec, opt, screen.notify());
    if (!kernel)
      return complain(kernel.error());
    out << fmt::format("{}: {} ({})\n  {}\n  config: {}\n  RAM disk: {}\n", spec, kernel->release,
                       kernel->source, kernel->image.string(),
                       kernel->config.empty() ? "none in the archive" : kernel->config.string(),
                       kernel->ram_disk.empty()
                           ? "no module brd: no swap in a guest of it unless it is built in"
                           : kernel->ram_disk.string());
  }
  return kDone;
}

int run_build(const BuildOptions& opt, std::ostream& out)
{
  Screen screen;
  const auto built = build_kernel(opt, screen.notify());
  if (!built)
    return complain(built.error());
  for (const auto& [key, value] : built->manifest)
    if (key != "manifest_version")
      out << fmt::format("{}: {}\n", key, value);
  out << fmt::format("kernel: {}\n", built->folder.string());
  screen.note(built->compiled ? fmt::format("built in {:.0f} s", built->build_s)
                              : "it was in the cache: nothing compiled");
  return kDone;
}

}  // namespace

int print_kernels(const KernelOptions& options, std::ostream& out)
{
  Screen screen;
  const auto cached = list_cached_kernels(options.architecture);
  auto listed = list_debian_kernels(options, screen.notify());
  if (!listed) {
    if (cached.empty())
      return complain(listed.error());
    screen.note("only what is cached: " + to_string(listed.error()));
  }
  const auto& all = listed ? *listed : cached;
  std::string previous;
  for (const auto& kernel : all) {
    const auto chosen = choose_kernel(all, kernel.upstream);
    if (!chosen || chosen->package != kernel.package || chosen->version != kernel.version ||
        previous == kernel.upstream)
      continue;
    previous = kernel.upstream;
    bool here = false;
    for (const auto& other : cached)
      here = here || (other.package == kernel.package && other.version == kernel.version);
    out << fmt::format("debian:{:<10} {:<20} {}{}\n", kernel.upstream, kernel.suite, kernel.package,
                       here ? "  (fetched)" : "");
  }
  return kDone;
}

void add_kernel(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<KernelCommandOptions>();
  auto* cmd = app.add_subcommand("kernel", "fetch, build and list kernels");
  cmd->require_subcommand(1);
  auto add_archive_options = [opt](CLI::App* sub) { add_kernel_options(*sub, *opt); };
  auto* fetch = cmd->add_subcommand("fetch", "fetch kernels into the cache, check images");
  fetch->add_option("spec", opt->specs, "debian:VERSION, an image, a build tree")->required();
  add_archive_options(fetch);
  fetch->callback([opt, &exit_status] { exit_status = run_fetch(*opt, std::cout); });
  auto build_opt = std::make_shared<BuildOptions>();
  auto* build =
      cmd->add_subcommand("build", "build a kernel from source, with a series or without");
  add_build_options(*build, *build_opt);
  build->get_option("--source")->required();
  build->add_option("-o,--out", build_opt->out,
                    "folder for image, System.map, config and manifest (default: in the cache)");
  add_kernel_options(*build, build_opt->kernel);
  build->callback([build_opt, &exit_status] { exit_status = run_build(*build_opt, std::cout); });
  auto* list = cmd->add_subcommand("list", "kernels that Debian's suites carry");
  add_archive_options(list);
  list->callback([opt, &exit_status] { exit_status = print_kernels(*opt, std::cout); });
}

}  // namespace rmaplab
