// SPDX-License-Identifier: GPL-2.0-only
// One run alone, for the person who has just measured it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "base/text.h"
#include "reports/report.h"
#include "results/metric.h"
#include "stats/spread.h"

namespace rmaplab
{

namespace
{

struct Case {
  std::string workload;
  std::string arguments;
  // metric -> site -> values of the repetitions
  std::map<std::string, std::map<std::string, std::vector<double>>> values;

  std::string label() const
  {
    std::string text = workload + (arguments.empty() ? "" : " ") + arguments;
    std::replace(text.begin(), text.end(), ';', ' ');
    return text;
  }
  std::optional<Spread> spread(const std::string& metric, const std::string& site = {}) const
  {
    const auto sites = values.find(metric);
    if (sites == values.end() || !sites->second.count(site))
      return std::nullopt;
    return spread_of(sites->second.at(site));
  }
  std::optional<double> median(const std::string& metric, const std::string& site = {}) const
  {
    const auto found = spread(metric, site);
    return found ? std::optional(found->median) : std::nullopt;
  }
};

std::vector<Case> cases_of(const Run& run)
{
  std::vector<Case> cases;
  std::map<std::pair<std::string, std::string>, std::size_t> index;
  for (const Sample& sample : run.samples) {
    const auto [at, fresh] = index.try_emplace({sample.workload, sample.arguments}, cases.size());
    if (fresh)
      cases.push_back({.workload = sample.workload, .arguments = sample.arguments});
    if (sample.value)
      cases[at->second].values[sample.metric][sample.site].push_back(*sample.value);
  }
  return cases;
}

std::string figure(double value)
{
  return value != std::round(value) && std::abs(value) < 1000 ? fmt::format("{:.1f}", value)
                                                              : grouped(std::round(value));
}

constexpr int kLabel = 42;

// A section of one line a case; nothing where no case has a value.
std::string section(const std::string& title, const std::vector<Case>& cases,
                    const std::function<std::string(const Case&)>& line)
{
  std::string text;
  for (const Case& one : cases)
    if (const std::string found = line(one); !found.empty()) {
      const std::string label = one.label();
      text += static_cast<int>(label.size()) > kLabel
                  ? fmt::format("  {}\n  {:{}}", label, "", kLabel)
                  : fmt::format("  {:{}}", label, kLabel);
      text += found + "\n";
    }
  return text.empty() ? text : fmt::format("\n{}\n{}", title, text);
}

std::string times(const Case& one)
{
  const auto spread = one.spread("wall_time");
  return spread ? fmt::format(" {:>12}  [{}, {}]", figure(spread->median), figure(spread->min),
                              figure(spread->max))
                : "";
}

// "37: anon_vma_fork" or "74: anon_vma_clone 37, anon_vma_fork 37".
std::string by_site(const Case& one, const std::string& metric)
{
  const auto whole = one.median(metric);
  if (!whole)
    return "-";
  std::string text = figure(*whole);
  const auto& sites = one.values.at(metric);
  const char* separator = ": ";
  for (const auto& [site, unused] : sites)
    if (!site.empty()) {
      text += separator + site;
      if (sites.size() > 2)
        text += fmt::format(" {}", figure(*one.median(metric, site)));
      separator = ", ";
    }
  return text;
}

std::string objects(const Case& one)
{
  if (!one.median("alloc_anon_vma"))
    return {};
  std::string text = fmt::format(" {:>6}", figure(one.median("alloc_vm_area_struct").value_or(0)));
  const std::string indent = "\n      ";
  std::string kept;
  for (const char* cache : {"vm_area_struct", "anon_vma", "anon_vma_chain"}) {
    const auto allocated = one.median(std::string("alloc_") + cache);
    const auto freed = one.median(std::string("free_") + cache);
    if (allocated && freed && *allocated != *freed)
      kept += fmt::format("{}{:+.0f} {}", kept.empty() ? "" : ", ", *allocated - *freed, cache);
  }
  text += fmt::format(" {:>8} {:>8}", figure(one.median("alloc_anon_vma").value_or(0)),
                      figure(one.median("alloc_anon_vma_chain").value_or(0)));
  if (!kept.empty())
    text += fmt::format("{}kept: {}", indent, kept);
  if (one.median("alloc_anon_vma").value_or(0) > 0)
    text += fmt::format("{}anon_vma {}", indent, by_site(one, "alloc_anon_vma"));
  if (one.median("alloc_anon_vma_chain").value_or(0) > 0)
    text += fmt::format("{}AVC {}", indent, by_site(one, "alloc_anon_vma_chain"));
  return text;
}

std::string forest(const Case& one)
{
  const auto avcs = one.median("forest_avcs");
  if (!avcs)
    return {};
  return fmt::format(" {:>7} {:>9} {:>6} {:>6} {:>6}", figure(*avcs),
                     figure(one.median("forest_anon_vmas").value_or(0)),
                     figure(one.median("forest_longest_chain").value_or(0)),
                     figure(one.median("forest_tree_depth").value_or(0)),
                     figure(one.median("forest_widest_fan_out").value_or(0)));
}

std::string contention(const Case& one)
{
  const auto waits = one.median("anon_vma_waits");
  if (!waits)
    return {};
  auto value = [&](const char* metric) { return one.median(metric).value_or(0); };
  std::string text =
      fmt::format(" {:>8} {:>10.3f} {:>10.3f}", figure(*waits), value("anon_vma_wait_time") * 1e-6,
                  (value("mmap_lock_wait_time") + value("other_lock_wait_time")) * 1e-6);
  if (const auto time = one.median("wall_time"))
    text += fmt::format("\n      {} ns an operation untraced (median)", figure(*time));
  text += fmt::format("\n      {} waits began, {} ended, {} unmatched, {} lost",
                      figure(value("lock_begins")), figure(value("lock_ends")),
                      figure(value("lock_unmatched")), figure(value("lock_lost")));
  const auto sites = one.values.find("lock_wait_time");
  if (sites == one.values.end())
    return text;
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [site, unused] : sites->second)
    order.emplace_back(-*one.median("lock_wait_time", site), site);
  std::sort(order.begin(), order.end());
  constexpr std::size_t kShown = 6;
  for (std::size_t i = 0; i < order.size() && i < kShown; ++i)
    text += fmt::format(
        "\n      {:>6} waits {:>9.3f} ms, p99 {:>7.1f} us  {}",
        figure(one.median("lock_waits", order[i].second).value_or(0)), -order[i].first * 1e-6,
        one.median("lock_wait_p99", order[i].second).value_or(0) * 1e-3, order[i].second);
  return text;
}

std::string counters(const Case& one)
{
  std::string text;
  for (const char* metric :
       {"user_instructions", "kernel_instructions", "user_cycles", "kernel_cycles",
        "kernel_cache_misses", "kernel_dtlb_load_misses", "kernel_branch_misses", "task_clock",
        "page_faults", "context_switches", "cpu_migrations"})
    if (const auto value = one.median(metric))
      text += fmt::format("{}{} {}", text.empty() ? " " : ", ", metric, figure(*value));
  return text;
}

std::string faults(const Case& one)
{
  const auto arena = one.median("page_faults_arena");
  if (!arena)
    return {};
  std::string text = fmt::format(" {:>8} {:>8}", figure(*arena),
                                 figure(one.median("page_faults_other").value_or(0)));
  if (const auto peak = one.median("vmas_peak"))
    text += fmt::format(" {:>10}", figure(*peak));
  return text;
}

// What has no value, by reason: metrics and how many rows of each.
std::string not_measured(const Run& run)
{
  std::map<std::string, std::map<std::string, int>> reasons;
  for (const Sample& sample : run.samples)
    if (sample.status == SampleStatus::skip)
      ++reasons[sample.reason][sample.metric];
  std::string text;
  for (const auto& [reason, metrics] : reasons) {
    std::string names;
    int rows = 0;
    for (const auto& [metric, count] : metrics) {
      names += (names.empty() ? "" : ", ") + metric;
      rows += count;
    }
    text += fmt::format("not measured ({} rows): {}\n  {}\n", rows, reason, names);
  }
  for (const Sample& sample : run.samples)
    if (sample.status == SampleStatus::fail)
      text += fmt::format("FAILED {} {}: {}\n", sample.workload, sample.arguments, sample.reason);
  return text.empty() ? text : fmt::format("\n{}", text);
}

}  // namespace

std::string run_report(const Run& run)
{
  const auto cases = cases_of(run);
  std::size_t values = 0;
  for (const Sample& sample : run.samples)
    values += sample.value.has_value();
  std::string text =
      fmt::format("{} values on {}\n", values, manifest_value(run.manifest, "kernel.release"));
  if (const auto gfp = manifest_value(run.manifest, "kernel.anon_vma_clone_gfp"); !gfp.empty())
    text += fmt::format("anon_vma_clone allocates with {}\n", gfp);
  text += section("wall time, ns an operation: median [least, greatest repetition]", cases, times);
  text += section(fmt::format("objects allocated by one operation: {:>{}} {:>8} {:>8}", "VMA",
                              kLabel - 28, "anon_vma", "AVC"),
                  cases, objects);
  text += section(fmt::format("forest of the state held still:{:>{}} {:>9} {:>6} {:>6} {:>6}",
                              "AVC", kLabel - 21, "anon_vma", "chain", "depth", "fan"),
                  cases, forest);
  text += section(fmt::format("page faults of one operation:{:>{}} {:>8} {:>10}", "arena",
                              kLabel - 18, "other", "peak VMAs"),
                  cases, faults);
  text += section(
      fmt::format("counters an operation ({})",
                  manifest_value(run.manifest, "counters.source").empty()
                      ? "software only"
                      : "hardware through " + manifest_value(run.manifest, "counters.source")),
      cases, counters);
  text += section(fmt::format("lock waits, of anon_vma roots and other locks:{:>{}} {:>10} {:>10}",
                              "waits", kLabel - 35, "ms", "others, ms"),
                  cases, contention);
  if (text.find("lock waits, of") != std::string::npos)
    text +=
        "  An rwsem's waiter that spins until it has the lock leaves no event: compare the\n"
        "  untraced figures of root=shared with those of their control root=private.\n";
  return text + not_measured(run);
}

}  // namespace rmaplab
