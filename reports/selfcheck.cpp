// SPDX-License-Identifier: GPL-2.0-only
#include "reports/selfcheck.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "reports/gate.h"
#include "stats/proportion.h"
#include "stats/visible_change.h"

namespace rmaplab
{

namespace
{

bool called_changed(const GateRow& row, double level)
{
  if (row.rule.kind == MetricClass::noisy) {
    if (!row.effect)
      return false;
    const auto verdict = decide_noisy(*row.effect, *row.adjusted_p, level, row.row.metric->floor);
    return verdict == NoisyVerdict::lower || verdict == NoisyVerdict::higher;
  }
  return row.row.verdict == Verdict::better || row.row.verdict == Verdict::worse ||
         row.row.verdict == Verdict::changed;
}

std::vector<double> values_of(const Side& side)
{
  std::vector<double> values;
  for (const auto& [boot, value] : side.boots)
    values.push_back(value);
  return values;
}

std::string percent(const std::optional<double>& share)
{
  return share ? fmt::format("{:.2f}%", *share * 100) : std::string("-");
}

}  // namespace

void SelfcheckStudy::add(const Run& base, const Run& head)
{
  const Gate gate = judge(compare_runs(base, head), policy_);
  ++so_far_.comparisons;
  so_far_.level = policy_.level();
  bool alarmed = false;
  std::size_t noisy = 0;
  for (const GateRow& row : gate.rows) {
    if (row.verdict == GateVerdict::skip || row.row.workload == "null")
      continue;
    const std::string name(row.row.metric->name);
    const std::string which = row.row.workload + " " + row.row.arguments;
    SelfcheckMetric& metric = metrics_[name];
    metric.name = name;
    metric.kind = row.rule.kind;
    ++metric.rows;
    ++so_far_.rows;
    noisy += row.effect ? 1 : 0;
    so_far_.boots = std::max(so_far_.boots, row.row.base.boots.size());
    if (called_changed(row, policy_.level())) {
      alarmed = true;
      ++metric.alarms;
      ++so_far_.row_alarms;
      so_far_.alarms.push_back(fmt::format("comparison {}: {}: {} {:+.3f}%", so_far_.comparisons,
                                           which, name, row.row.change.value_or(0) * 100));
    }
    Cell& cell = cells_[name][which];
    cell.floor = row.row.metric->floor;
    auto values = values_of(row.row.base);
    const auto others = values_of(row.row.head);
    values.insert(values.end(), others.begin(), others.end());
    cell.values.insert(cell.values.end(), values.begin(), values.end());
    if (row.rule.kind == MetricClass::deterministic)
      if (const auto visible = smallest_visible_deterministic(values, cell.floor))
        cell.visible.push_back(*visible);
  }
  so_far_.alarmed += alarmed;
  noisy_rows_ = std::max(noisy_rows_, noisy);
}

Selfcheck SelfcheckStudy::result() const
{
  Selfcheck check = so_far_;
  for (const auto& [name, seen] : metrics_) {
    SelfcheckMetric metric = seen;
    std::vector<double> scatter;
    std::vector<double> visible;
    for (const auto& [which, cell] : cells_.at(name)) {
      const auto spread = spread_of(cell.values);
      if (spread && spread->median != 0)
        scatter.push_back((spread->max - spread->min) / std::abs(spread->median));
      std::optional<double> smallest;
      if (metric.kind == MetricClass::deterministic) {
        if (const auto typical = spread_of(cell.visible))
          smallest = typical->median;
      } else if (metric.kind == MetricClass::noisy) {
        smallest =
            smallest_visible_noisy(cell.values, {.boots = check.boots,
                                                 .metrics = std::max<std::size_t>(1, noisy_rows_),
                                                 .level = check.level,
                                                 .floor = cell.floor});
      }
      if (smallest)
        visible.push_back(*smallest);
    }
    metric.cases = cells_.at(name).size();
    if (const auto spread = spread_of(scatter)) {
      metric.scatter_median = spread->median;
      metric.scatter_worst = spread->max;
    }
    if (const auto spread = spread_of(visible)) {
      metric.visible_median = spread->median;
      metric.visible_worst = spread->max;
    }
    check.metrics.push_back(metric);
  }
  return check;
}

bool rate_is_within(const Selfcheck& check)
{
  const auto rate = proportion_interval(check.alarmed, check.comparisons, 0.95);
  return !rate || rate->low <= check.level;
}

std::string selfcheck_text(const Selfcheck& check)
{
  const auto rate = proportion_interval(check.alarmed, check.comparisons, 0.95);
  std::string text = fmt::format(
      "{} comparisons of a kernel with itself, {} boots a side, {} rows judged\n"
      "false alarms: {} of {} comparisons (95 % CI {:.1f} to {:.1f} %), {} of {} rows\n",
      check.comparisons, check.boots, check.rows, check.alarmed, check.comparisons,
      rate ? rate->low * 100 : 0, rate ? rate->high * 100 : 100, check.row_alarms, check.rows);
  for (std::size_t i = 0; i < check.alarms.size(); ++i) {
    constexpr std::size_t kMost = 20;
    if (i == kMost) {
      text += fmt::format("  and {} more\n", check.alarms.size() - kMost);
      break;
    }
    text += "  " + check.alarms[i] + "\n";
  }
  text += fmt::format("\n{:<26}{:<14}{:>6}{:>8}{:>10}{:>10}{:>10}{:>10}\n", "", "", "", "",
                      "scatter", "", "visible", "");
  text += fmt::format("{:<26}{:<14}{:>6}{:>8}{:>10}{:>10}{:>10}{:>10}\n", "metric", "class",
                      "cases", "alarms", "median", "worst", "median", "worst");
  for (const SelfcheckMetric& metric : check.metrics)
    text += fmt::format("{:<26}{:<14}{:>6}{:>8}{:>10}{:>10}{:>10}{:>10}\n", metric.name,
                        to_string(metric.kind), metric.cases, metric.alarms,
                        percent(metric.scatter_median), percent(metric.scatter_worst),
                        metric.kind == MetricClass::exact ? "any" : percent(metric.visible_median),
                        metric.kind == MetricClass::exact ? "any" : percent(metric.visible_worst));
  return text +
         "scatter: all values of a case, widest less smallest, of their median.\n"
         "visible: the smallest change that such a comparison calls, of a case; noisy metrics\n"
         "with a power of 80 %. Both: the middle case's and the worst one's.\n";
}

Manifest selfcheck_facts(const Selfcheck& check)
{
  Manifest facts = {{"manifest_version", "1"},
                    {"comparisons", std::to_string(check.comparisons)},
                    {"alarmed", std::to_string(check.alarmed)},
                    {"rows", std::to_string(check.rows)},
                    {"row_alarms", std::to_string(check.row_alarms)},
                    {"boots", std::to_string(check.boots)}};
  for (const SelfcheckMetric& metric : check.metrics)
    if (metric.visible_median && (metric.name == "instructions" || metric.name == "wall_time"))
      facts["visible." + metric.name] =
          fmt::format("{} in the middle case, {} in the worst", percent(metric.visible_median),
                      percent(metric.visible_worst));
  return facts;
}

std::string selfcheck_line(const Manifest& facts)
{
  const auto hits = parse_u64(manifest_value(facts, "alarmed"));
  const auto trials = parse_u64(manifest_value(facts, "comparisons"));
  if (!hits || !trials || *trials == 0)
    return {};
  const auto rate = proportion_interval(*hits, *trials, 0.95);
  std::string line = fmt::format(
      "selfcheck on this machine ({}, {} boots a side, {}): {} of {} comparisons of a kernel with "
      "itself raised a false alarm, at most {:.1f} % (95 %)",
      manifest_value(facts, "mode"), manifest_value(facts, "boots"),
      manifest_value(facts, "kernel.release"), *hits, *trials, rate ? rate->high * 100 : 100);
  for (const char* metric : {"instructions", "wall_time"})
    if (const auto visible = manifest_value(facts, std::string("visible.") + metric);
        !visible.empty())
      line += fmt::format("; smallest visible change of {}: {}", metric, visible);
  return line;
}

}  // namespace rmaplab
