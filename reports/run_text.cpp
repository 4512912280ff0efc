// SPDX-License-Identifier: GPL-2.0-only
// One run alone, for the person who has just measured it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <set>

#include "base/printable.h"
#include "base/text.h"
#include "reports/curves.h"
#include "reports/functions.h"
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
  std::map<std::string, std::string> notes;  // metric -> what a reader of its value must know

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
    if (is_function_metric(sample.metric))
      continue;
    const auto [at, fresh] = index.try_emplace({sample.workload, sample.arguments}, cases.size());
    if (fresh)
      cases.push_back({.workload = sample.workload, .arguments = sample.arguments});
    Case& one = cases[at->second];
    if (sample.value)
      one.values[sample.metric][sample.site].push_back(*sample.value);
    if (sample.value && !sample.reason.empty())
      one.notes[sample.metric] = sample.reason;
  }
  return cases;
}

// Never a zero for what is none: below 1 two digits that count.
std::string figure(double value)
{
  const double magnitude = std::abs(value);
  if (value == std::round(value) || magnitude >= 1000)
    return grouped(std::round(value));
  return magnitude < 1 ? fmt::format("{:.2g}", value) : fmt::format("{:.1f}", value);
}

// "-" where there is no value, a star where there is something to know about it.
std::string cell(const Case& one, const std::string& metric, double scale = 1)
{
  const auto value = one.median(metric);
  return value ? figure(*value * scale) + (one.notes.count(metric) ? "*" : "") : "-";
}

constexpr std::size_t kColumns = 100;
constexpr std::size_t kLabel = 42;
constexpr const char* kIndent = "      ";

struct Column {
  std::string heading;
  std::size_t width;
  std::function<std::string(const Case&)> cell;
};

// A line a case that has any of `metrics`, with what `more` tells of it below; nothing where
// no case has one.
struct Table {
  std::string title;
  std::vector<Column> columns;
  std::vector<std::string> metrics;
  std::function<std::string(const Case&)> more;

  std::string text(const std::vector<Case>& cases) const
  {
    std::string rows;
    for (const Case& one : cases) {
      if (std::none_of(metrics.begin(), metrics.end(),
                       [&](const auto& metric) { return one.median(metric).has_value(); }))
        continue;
      rows += first_cell(fmt::format("  {}", one.label()));
      for (const Column& column : columns)
        rows += fmt::format(" {:>{}}", column.cell(one), column.width);
      rows += '\n' + (more ? more(one) : "");
    }
    if (rows.empty())
      return rows;
    std::string head = first_cell(title);
    for (const Column& column : columns)
      head += fmt::format(" {:>{}}", column.heading, column.width);
    return fmt::format("\n{}\n{}", head, rows);
  }
  // What is too long stands on a line of its own.
  static std::string first_cell(const std::string& text)
  {
    constexpr std::size_t width = kLabel + 2;
    return text.size() > width ? fmt::format("{}\n{:{}}", text, "", width)
                               : fmt::format("{:{}}", text, width);
  }
};

Column of_metric(const std::string& heading, std::size_t width, const std::string& metric,
                 double scale = 1)
{
  return {.heading = heading, .width = width, .cell = [metric, scale](const Case& one) {
            return cell(one, metric, scale);
          }};
}

// Words in lines of at most kColumns, each indented.
std::string wrapped(std::string_view text, const std::string& indent)
{
  std::string lines;
  std::string line;
  for (const auto word : split_blanks(text)) {
    if (!line.empty() && indent.size() + line.size() + 1 + word.size() > kColumns) {
      lines += indent + line + '\n';
      line.clear();
    }
    line += fmt::format("{}{}", line.empty() ? "" : " ", word);
  }
  return lines + indent + line + '\n';
}

// What an operation costs: in the exact lab guest instructions, elsewhere time.
constexpr const char* kCosts[] = {"instructions", "wall_time"};

std::string cost_title(const std::string& metric)
{
  return metric == "wall_time" ? "wall time, ns an operation" : "guest instructions an operation";
}

std::string costs(const std::vector<Case>& cases)
{
  std::string text;
  for (const std::string metric : kCosts) {
    const auto range = [metric](const Case& one) {
      const auto spread = one.spread(metric);
      return fmt::format("{} to {}", figure(spread->min), figure(spread->max));
    };
    text +=
        Table{.title = cost_title(metric),
              .columns = {of_metric("median", 12, metric),
                          {.heading = "least and greatest repetition", .width = 31, .cell = range}},
              .metrics = {metric}}
            .text(cases);
  }
  return text;
}

// The value of one argument, and the label of the case without it.
struct Pivot {
  std::string label;
  std::string value;
};

std::optional<Pivot> pivot_on(const Case& one, const std::string& argument)
{
  std::string rest;
  std::optional<Pivot> pivot;
  for (const auto piece : split(one.arguments, ';'))
    if (piece.starts_with(argument + "="))
      pivot.emplace().value = piece.substr(argument.size() + 1);
    else
      rest += fmt::format(" {}", piece);
  if (pivot)
    pivot->label = one.workload + rest;
  return pivot;
}

// Ways of doing the same, side by side.
std::string ways(const std::vector<Case>& cases, const std::string& metric)
{
  std::vector<std::string> columns;
  std::vector<std::string> labels;
  std::map<std::string, std::map<std::string, double>> rows;
  for (const Case& one : cases) {
    const auto pivot = pivot_on(one, "way");
    const auto cost = one.median(metric);
    if (!pivot || !cost)
      continue;
    if (std::find(columns.begin(), columns.end(), pivot->value) == columns.end())
      columns.push_back(pivot->value);
    if (rows[pivot->label].empty())
      labels.push_back(pivot->label);
    rows[pivot->label][pivot->value] = *cost;
  }
  std::string body;
  for (const std::string& label : labels) {
    if (rows[label].size() < 2)
      continue;
    body += Table::first_cell(fmt::format("  {}", label));
    for (const std::string& column : columns)
      body += fmt::format(" {:>10}", rows[label].count(column) ? figure(rows[label][column]) : "-");
    body += '\n';
  }
  if (body.empty())
    return body;
  std::string head = Table::first_cell("way by way, " + cost_title(metric));
  for (const std::string& column : columns)
    head += fmt::format(" {:>10}", column);
  return fmt::format("\n{}\n{}", head, body);
}

// Metrics that a workload tells of itself, a line a case.
std::string outcomes(const std::vector<Case>& cases)
{
  std::string text;
  for (const Case& one : cases) {
    std::string line;
    for (const auto& [metric, sites] : one.values) {
      const Metric* known = find_metric(metric);
      if (known && known->outcome)
        line += fmt::format("{}{} {}", line.empty() ? "" : ", ", metric, cell(one, metric));
    }
    if (!line.empty())
      text += fmt::format("  {}\n", one.label()) + wrapped(line, kIndent);
  }
  return text.empty() ? text : "\noutcome of one operation\n" + text;
}

// Both roots of a workload that has a control: what it costs to share one.
std::string against_control(const std::vector<Case>& cases)
{
  constexpr std::string_view kShared = "root=shared";
  constexpr std::string_view kPrivate = "root=private";
  std::string rows;
  for (const Case& one : cases) {
    const auto at = one.arguments.find(kShared);
    if (at == std::string::npos)
      continue;
    std::string arguments = one.arguments;
    arguments.replace(at, kShared.size(), kPrivate);
    const auto control = std::find_if(cases.begin(), cases.end(), [&](const Case& other) {
      return other.workload == one.workload && other.arguments == arguments;
    });
    const auto shared = one.spread("wall_time");
    const auto apart = control == cases.end() ? std::nullopt : control->spread("wall_time");
    if (!shared || !apart || apart->median <= 0)
      continue;
    const bool overlap = shared->min <= apart->max && apart->min <= shared->max;
    std::string label = one.label();
    label.erase(label.find(kShared), kShared.size());
    rows +=
        Table::first_cell(fmt::format("  {}", trim(label))) +
        fmt::format(" {:>12} {:>12} {:>8.2f}{}\n", figure(shared->median), figure(apart->median),
                    shared->median / apart->median, overlap ? "  (ranges overlap)" : "");
    if (const auto together = one.median("throughput"), alone = control->median("throughput");
        together && alone)
      rows += fmt::format("      {} operations/s under one root, {} under many\n",
                          figure(*together), figure(*alone));
  }
  if (rows.empty())
    return rows;
  return "\n" + Table::first_cell("one root or many, ns an operation, untraced") +
         fmt::format(" {:>12} {:>12} {:>8}\n", "shared", "private", "ratio") + rows +
         "  A writer that spins until it has an rwsem leaves no event: its waiting shows in this "
         "ratio only.\n";
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

// What one operation allocated and did not free.
std::string kept(const Case& one)
{
  std::string text;
  for (const char* cache : {"vm_area_struct", "anon_vma", "anon_vma_chain"}) {
    const auto allocated = one.median(std::string("alloc_") + cache);
    const auto freed = one.median(std::string("free_") + cache);
    if (allocated && freed && *allocated != *freed)
      text += fmt::format("{}{}{} {}", text.empty() ? "" : ", ", *allocated > *freed ? "+" : "",
                          figure(*allocated - *freed), cache);
  }
  return text;
}

std::string objects(const std::vector<Case>& cases)
{
  const Table table{.title = "objects allocated by one operation",
                    .columns = {of_metric("VMA", 9, "alloc_vm_area_struct"),
                                of_metric("anon_vma", 9, "alloc_anon_vma"),
                                of_metric("AVC", 9, "alloc_anon_vma_chain")},
                    .metrics = {"alloc_vm_area_struct", "alloc_anon_vma", "alloc_anon_vma_chain"},
                    .more = [](const Case& one) {
                      std::string text;
                      if (const std::string left = kept(one); !left.empty())
                        text += fmt::format("{}kept: {}\n", kIndent, left);
                      if (one.median("alloc_anon_vma").value_or(0) > 0)
                        text += wrapped("anon_vma " + by_site(one, "alloc_anon_vma"), kIndent);
                      if (one.median("alloc_anon_vma_chain").value_or(0) > 0)
                        text += wrapped("AVC " + by_site(one, "alloc_anon_vma_chain"), kIndent);
                      return text;
                    }};
  return table.text(cases);
}

std::string forest(const std::vector<Case>& cases)
{
  const Table table{
      .title = "forest of the state held still",
      .columns = {of_metric("AVC", 9, "forest_avcs"), of_metric("anon_vma", 9, "forest_anon_vmas"),
                  of_metric("longest chain", 13, "forest_longest_chain"),
                  of_metric("depth", 6, "forest_tree_depth"),
                  of_metric("widest fan", 10, "forest_widest_fan_out")},
      .metrics = {"forest_avcs"}};
  return table.text(cases);
}

std::string faults(const std::vector<Case>& cases)
{
  const Table table{.title = "page faults of one operation",
                    .columns = {of_metric("arena", 9, "page_faults_arena"),
                                of_metric("other", 9, "page_faults_other"),
                                of_metric("peak VMAs", 10, "vmas_peak")},
                    .metrics = {"page_faults_arena", "vmas_peak"}};
  std::string text = table.text(cases);
  if (!text.empty())
    text +=
        "  Peak VMAs: of the process tree, looked at about once a millisecond; a shorter one is "
        "missed.\n";
  return text;
}

std::string counters(const Run& run, const std::vector<Case>& cases)
{
  const std::string source = manifest_value(run.manifest, "counters.source");
  const Table tables[] = {
      {.title = "software counters an operation",
       .columns = {of_metric("task clock, ns", 14, "task_clock"),
                   of_metric("faults", 9, "page_faults"),
                   of_metric("switches", 9, "context_switches"),
                   of_metric("migrations", 11, "cpu_migrations")},
       .metrics = {"task_clock", "page_faults", "context_switches", "cpu_migrations"}},
      {.title = "in kernel mode, through " + (source.empty() ? "no named source" : source),
       .columns = {of_metric("instructions", 13, "kernel_instructions"),
                   of_metric("cycles", 12, "kernel_cycles"),
                   of_metric("cache miss", 10, "kernel_cache_misses"),
                   of_metric("TLB miss", 8, "kernel_dtlb_load_misses"),
                   of_metric("br. miss", 8, "kernel_branch_misses")},
       .metrics = {"kernel_instructions", "kernel_cycles", "kernel_cache_misses",
                   "kernel_dtlb_load_misses", "kernel_branch_misses"}},
      {.title = "in user mode",
       .columns = {of_metric("instructions", 13, "user_instructions"),
                   of_metric("cycles", 12, "user_cycles")},
       .metrics = {"user_instructions", "user_cycles"}},
  };
  std::string text;
  std::set<std::string> notes;
  for (const Table& table : tables) {
    text += table.text(cases);
    for (const Case& one : cases)
      for (const std::string& metric : table.metrics)
        if (const auto note = one.notes.find(metric); note != one.notes.end())
          notes.insert(note->second);
  }
  if (text.empty())
    return text;
  for (const std::string& note : notes)
    text += wrapped(fmt::format("* {}", note), "  ");
  if (const auto reach = manifest_value(run.manifest, "counters.reach"); !reach.empty())
    text += wrapped("Counted: " + reach + ".", "  ");
  return text + "  What `null` has is the counters' own cost, and part of every figure.\n";
}

// Without the outer callers that do not fit; samples.csv has them all.
std::string shortened(std::string line)
{
  constexpr std::string_view kMore = " < ...";
  if (line.size() > kColumns)
    line.replace(std::min(line.rfind(" < ", kColumns - kMore.size()), kColumns - kMore.size()),
                 std::string::npos, kMore);
  return line;
}

std::string callers(const Case& one)
{
  std::string text = wrapped(
      fmt::format("{} waits of all locks began in {} operations, {} ended, {} unmatched, {} lost",
                  cell(one, "lock_begins"), cell(one, "lock_operations"), cell(one, "lock_ends"),
                  cell(one, "lock_unmatched"), cell(one, "lock_lost")),
      kIndent);
  const auto sites = one.values.find("lock_wait_time");
  if (sites == one.values.end())
    return text;
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [site, unused] : sites->second)
    order.emplace_back(-*one.median("lock_wait_time", site), site);
  std::sort(order.begin(), order.end());
  constexpr std::size_t kShown = 6;
  text += fmt::format("{}{:>7} {:>8} {:>8}  by class, kind and caller\n", kIndent, "waits", "ms",
                      "p99, us");
  for (std::size_t i = 0; i < order.size() && i < kShown; ++i) {
    const auto& [time, site] = order[i];
    text += shortened(fmt::format(
        "{}{:>7} {:>8} {:>8}  {}", kIndent, figure(one.median("lock_waits", site).value_or(0)),
        figure(-time * 1e-6), figure(one.median("lock_wait_p99", site).value_or(0) * 1e-3), site));
    text += '\n';
  }
  if (order.size() > kShown)
    text += fmt::format("{}and {} more\n", kIndent, order.size() - kShown);
  return text;
}

std::string contention(const std::vector<Case>& cases)
{
  const auto share = [](const Case& one) -> std::string {
    const auto of = [&](const char* metric) { return one.median(metric).value_or(0); };
    const double all =
        of("anon_vma_wait_time") + of("mmap_lock_wait_time") + of("other_lock_wait_time");
    return all > 0 ? figure(100 * of("anon_vma_wait_time") / all) + " %" : "-";
  };
  const Table table{.title = "waits for locks, whole machine",
                    .columns = {of_metric("anon_vma", 9, "anon_vma_waits"),
                                of_metric("ms", 8, "anon_vma_wait_time", 1e-6),
                                {.heading = "of all", .width = 9, .cell = share},
                                of_metric("mmap_lock ms", 13, "mmap_lock_wait_time", 1e-6),
                                of_metric("others ms", 10, "other_lock_wait_time", 1e-6)},
                    .metrics = {"anon_vma_waits"},
                    .more = callers};
  return table.text(cases);
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
    text += wrapped(fmt::format("not measured ({} row{}): {}", rows, rows == 1 ? "" : "s", reason),
                    "") +
            wrapped(names, "  ");
  }
  for (const Sample& sample : run.samples)
    if (sample.status == SampleStatus::fail)
      text += fmt::format("FAILED {}{}{} ({}): {}\n", sample.workload,
                          sample.arguments.empty() ? "" : " ", sample.arguments, sample.pass,
                          sample.reason);
  return text.empty() ? text : fmt::format("\n{}", text);
}

}  // namespace

std::string run_report(const Run& run)
{
  const auto cases = cases_of(run);
  const auto values = std::count_if(
      run.samples.begin(), run.samples.end(),
      [](const Sample& sample) { return sample.value && !is_function_metric(sample.metric); });
  const std::string release = manifest_value(run.manifest, "kernel.release");
  std::string text = fmt::format("{} value{} on {}\n", values, values == 1 ? "" : "s",
                                 release.empty() ? "an unnamed kernel" : release);
  for (const Gap& gap : run.gaps)
    text += fmt::format("WARNING: {}\n", gap.text);
  if (const auto gfp = manifest_value(run.manifest, "kernel.anon_vma_clone_gfp"); !gfp.empty())
    text += fmt::format("anon_vma_clone allocates with {}\n", gfp);
  text += costs(cases);
  for (const char* metric : kCosts)
    text += ways(cases, metric);
  if (const auto curves = curve_lines(run); !curves.empty())
    text += fmt::format("\n{}\n", fmt::join(curves, "\n"));
  return printable(text + outcomes(cases) + against_control(cases) + objects(cases) +
                   forest(cases) + faults(cases) + counters(run, cases) + contention(cases) +
                   not_measured(run));
}

}  // namespace rmaplab
