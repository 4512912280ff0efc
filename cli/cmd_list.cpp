// SPDX-License-Identifier: GPL-2.0-only
// list: workloads, metrics, passes, kernels.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "base/text.h"
#include "cli/commands.h"
#include "results/metric.h"
#include "session/pass_probe.h"
#include "workloads/workload.h"

namespace rmaplab
{

namespace
{

struct ListOptions {
  std::string name;
  bool metrics = false;
  bool kernels = false;
  bool passes = false;
};

constexpr std::size_t kColumns = 100;

// Two columns: a name, and words in as many lines as they take.
std::string entry(std::string_view name, std::size_t width, std::string_view words)
{
  std::string text;
  std::string line = fmt::format("{:<{}}", name, width);
  for (const auto word : split_blanks(words)) {
    if (line.size() + 1 + word.size() > kColumns) {
      text += line + '\n';
      line.assign(width, ' ');
    }
    line += fmt::format(" {}", word);
  }
  return text + line + '\n';
}

void print_passes(std::ostream& out)
{
  for (const PassInfo& info : all_passes()) {
    std::string metrics;
    std::set<std::string> names;  // of all modes
    for (const Mode mode : {Mode::host, Mode::exact})
      for (const std::string& name : metrics_of({.mode = mode}, info.pass))
        if (names.insert(name).second)
          metrics += fmt::format("{}{}", metrics.empty() ? "" : ", ", name);
    constexpr std::size_t kName = 11;
    out << entry(info.name, kName, info.arms) << entry("", kName, "cost: " + std::string(info.cost))
        << entry("", kName, "metrics: " + metrics);
  }
  for (const Mode mode : {Mode::host, Mode::exact, Mode::smp}) {
    std::string names;
    for (const Pass pass : default_passes({.mode = mode}))
      names += fmt::format("{}{}", names.empty() ? "" : ", ", to_string(pass));
    out << fmt::format("default in {} mode: {}\n", to_string(mode), names);
  }
}

// Summary and unit of each, under the source, class and direction that neighbours share.
void print_metrics(std::ostream& out)
{
  std::size_t width = 0;
  for (const Metric& m : all_metrics())
    width = std::max(width, m.name.size());
  std::string shared;
  for (const Metric& m : all_metrics()) {
    const std::string source =
        fmt::format("{}; {}, {}{}", m.source, to_string(m.kind), to_string(m.better),
                    m.floor > 0 ? fmt::format(", floor {:g}%", m.floor * 100) : "");
    if (source != shared)
      out << (shared.empty() ? "" : "\n") << "source: " << source << '\n';
    shared = source;
    out << entry("  " + std::string(m.name), width + 2, fmt::format("{} [{}]", m.summary, m.unit));
  }
}

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
  if (opt.passes) {
    print_passes(out);
    return kDone;
  }
  if (opt.metrics) {
    print_metrics(out);
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
    constexpr std::size_t kName = 17;
    out << entry(w->name, kName, w->summary)
        << entry("", kName, "arguments: " + (arguments.empty() ? "none" : arguments));
  }
  return kDone;
}

}  // namespace

void add_list(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<ListOptions>();
  auto* cmd = app.add_subcommand("list", "workloads, metrics, passes, kernels");
  cmd->add_option("workload", opt->name, "all about one workload");
  cmd->add_flag("--metrics", opt->metrics, "what can be measured, unit, class, source");
  cmd->add_flag("--passes", opt->passes, "what can be armed, what it gives and costs");
  cmd->add_flag("--kernels", opt->kernels, "kernels that Debian's suites carry");
  cmd->callback([opt, &exit_status] { exit_status = run_list(*opt, std::cout); });
}

}  // namespace rmaplab
