// SPDX-License-Identifier: GPL-2.0-only
// list: workloads, metrics, passes, kernels.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <set>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/spelling.h"
#include "cli/workload_text.h"
#include "results/manifest_keys.h"
#include "results/metric.h"
#include "session/pass_probe.h"
#include "workloads/workload.h"

namespace rmaplab
{

namespace
{

struct ListOptions {
  KernelOptions kernel;
  std::string name;
  bool metrics = false;
  bool kernels = false;
  bool passes = false;
  bool manifest = false;
  bool markdown = false;
};

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

// A line a key: name, whether two runs must agree on it, meaning (which several may share).
void print_manifest_keys(std::ostream& out)
{
  std::size_t key_width = 0;
  std::size_t agreement_width = 0;
  for (const auto& row : manifest_keys()) {
    for (const auto key : split(row.keys, ','))
      key_width = std::max(key_width, key.size());
    agreement_width = std::max(agreement_width, to_string(row.agreement).size());
  }
  const std::size_t width = key_width + agreement_width + 4;
  for (const auto& row : manifest_keys()) {
    std::string_view meaning = row.meaning;
    for (const auto key : split(row.keys, ',')) {
      out << entry(fmt::format("{:<{}}  {}", key, key_width, to_string(row.agreement)), width,
                   std::string(meaning));
      meaning = "see above";
    }
  }
}

int run_list(const ListOptions& opt, std::ostream& out)
{
  if (opt.kernels)
    return print_kernels(opt.kernel, out);
  if (opt.passes) {
    print_passes(out);
    return kDone;
  }
  if (opt.metrics) {
    print_metrics(out);
    return kDone;
  }
  if (opt.manifest) {
    print_manifest_keys(out);
    return kDone;
  }
  if (!opt.name.empty()) {
    const Workload* workload = find_workload(opt.name);
    std::vector<const Workload*> matching;
    std::vector<std::string> names;
    for (const Workload* w : catalog())
      if (!w->hidden) {
        names.emplace_back(w->name);
        if (glob_match(opt.name, names.back()))
          matching.push_back(w);
      }
    if (!workload && matching.size() == 1)
      workload = matching.front();
    if (!workload && matching.empty())
      return complain({.code = Errc::usage,
                       .context = fmt::format("no workload \"{}\"{}; see `rmaplab list`", opt.name,
                                              proposal(opt.name, names))});
    out << (workload ? story_text(*workload) : rows_text(matching));
    return kDone;
  }
  out << (opt.markdown ? catalog_markdown(catalog()) : catalog_text(catalog()));
  if (!opt.markdown)
    out << '\n' << entry("replay", 18, "recorded programs, with --trace TRACE: see docs/replay.md");
  return kDone;
}

}  // namespace

void add_list(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<ListOptions>();
  auto* cmd = app.add_subcommand("list", "workloads, metrics, passes, kernels");
  cmd->add_option("workload", opt->name,
                  "all about one workload; a short list of those that globs match");
  cmd->add_flag("--metrics", opt->metrics, "what can be measured, unit, class, source");
  cmd->add_flag("--manifest", opt->manifest,
                "keys of a run's manifest.json, and on which of them two runs must agree");
  cmd->add_flag("--passes", opt->passes, "what can be armed, what it gives and costs");
  auto* kernels = cmd->add_flag("--kernels", opt->kernels, "kernels that Debian's suites carry");
  cmd->add_flag("--markdown", opt->markdown, "all workloads with their stories: docs/workloads.md");
  add_kernel_options(*cmd, opt->kernel);
  for (const char* name : {"--arch", "--mirror", "--offline"})
    cmd->get_option(name)->needs(kernels);
  cmd->callback([opt, &exit_status] { exit_status = run_list(*opt, std::cout); });
}

}  // namespace rmaplab
