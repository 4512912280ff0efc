// SPDX-License-Identifier: GPL-2.0-only
// list: workloads, metrics, kernels.
#include <fmt/format.h>

#include <iostream>

#include "cli/commands.h"
#include "results/metric.h"
#include "workloads/workload.h"

namespace rmaplab
{

namespace
{

struct ListOptions {
  std::string name;
  bool metrics = false;
  bool kernels = false;
};

void print_workload(const Workload& w, std::ostream& out)
{
  out << fmt::format("{} (version {})\n  {}\n  kernel path: {}\n  figures are per {}\n", w.name,
                     w.version, w.summary, w.kernel_path, w.item);
  for (const auto* preset : {"quick", "full"}) {
    out << "  " << preset << ":";
    for (const Values& values : std::string(preset) == "quick" ? w.quick : w.full)
      out << ' ' << (values.empty() ? "(no arguments)" : arguments_text(w, values));
    out << '\n';
  }
}

int run_list(const ListOptions& opt, std::ostream& out)
{
  if (opt.kernels)
    return print_kernels({}, out);
  if (opt.metrics) {
    for (const Metric& m : all_metrics())
      out << fmt::format("{:<20} {}, {}, {}{}\n{:<20} {}\n{:<20} from {}\n", m.name, m.unit,
                         to_string(m.kind), to_string(m.better),
                         m.floor > 0 ? fmt::format(", floor {:g}%", m.floor * 100) : "", "",
                         m.summary, "", m.source);
    return kDone;
  }
  if (!opt.name.empty()) {
    const Workload* workload = find_workload(opt.name);
    if (!workload)
      return complain({.code = Errc::usage,
                       .context = fmt::format("no workload \"{}\"; see `rmaplab list`", opt.name)});
    print_workload(*workload, out);
    return kDone;
  }
  for (const Workload* w : catalog()) {
    if (w->hidden)
      continue;
    std::string arguments;
    for (const Argument& argument : w->arguments)
      arguments += fmt::format("{}{}", arguments.empty() ? "" : ", ", argument.name);
    out << fmt::format("{:<17} {}\n{:<17} arguments: {}\n", w->name, w->summary, "",
                       arguments.empty() ? "none" : arguments);
  }
  return kDone;
}

}  // namespace

void add_list(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<ListOptions>();
  auto* cmd = app.add_subcommand("list", "workloads, metrics, kernels");
  cmd->add_option("workload", opt->name, "all about one workload");
  cmd->add_flag("--metrics", opt->metrics, "what can be measured, unit, class, source");
  cmd->add_flag("--kernels", opt->kernels, "kernels that Debian's suites carry");
  cmd->callback([opt, &exit_status] { exit_status = run_list(*opt, std::cout); });
}

}  // namespace rmaplab
