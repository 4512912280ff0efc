// SPDX-License-Identifier: GPL-2.0-only
#include "cli/kernel_pair.h"

namespace rmaplab
{

void add_kernel_pair(CLI::App& cmd, KernelPairOptions& opt, const std::string& what)
{
  cmd.add_option("base,--base", opt.base, "to compare against: " + what);
  cmd.add_option("head,--head", opt.head, "under test, likewise");
  add_build_options(cmd, opt.build);
}

Result<std::vector<std::string>> specs_of(const KernelPairOptions& opt, const KernelOptions& kernel,
                                          const Notify& notify)
{
  if (opt.build.source.empty()) {
    if (opt.base.empty() || opt.head.empty())
      return Error{.code = Errc::usage,
                   .context = "expected two kernels, or --source and --series to build both from"};
    return std::vector<std::string>{opt.base, opt.head};
  }
  if (!opt.base.empty() || !opt.head.empty())
    return Error{.code = Errc::usage,
                 .context = "--source builds both kernels: no other can be given"};
  if (opt.build.series.empty())
    return Error{.code = Errc::usage,
                 .context = "--source without --series: there is nothing to compare"};
  std::vector<std::string> specs;
  for (const bool with : {false, true}) {
    BuildOptions build = opt.build;
    build.kernel = kernel;
    // Without the series: one to apply is left, one to take off comes off. With it the other
    // way round. A range of commits still says where the source is taken.
    build.use_series = with != build.reverse;
    auto built = build_kernel(build, notify);
    if (!built)
      return built.error();
    specs.push_back(built->folder);
  }
  return specs;
}

}  // namespace rmaplab
