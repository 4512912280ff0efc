// SPDX-License-Identifier: GPL-2.0-only
#include "reports/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/ktap.h"
#include "base/text.h"
#include "reports/functions.h"
#include "stats/multiplicity.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kMostBlamed = 3;

// The amount by which `head` is worse than `base`, in the metric's unit; negative: better.
double worse_by(const GateRule& rule, double base, double head)
{
  switch (rule.better) {
    case Watch::lower:
      return head - base;
    case Watch::higher:
      return base - head;
    case Watch::both:
      break;
  }
  return std::abs(head - base);
}

double allowed(const Limit& limit, double base)
{
  return limit.relative ? limit.value * std::abs(base) : limit.value;
}

std::string limit_text(const Limit& limit)
{
  return limit.relative ? fmt::format("{:.4g} %", limit.value * 100)
                        : fmt::format("{:.6g}", limit.value);
}

void judge_counted(GateRow& gate_row)
{
  const Spread& base = *gate_row.row.base.spread;
  const Spread& head = *gate_row.row.head.spread;
  const double limit = allowed(gate_row.rule.limit, base.median);
  const bool worse = worse_by(gate_row.rule, base.median, head.median) > limit;
  if (!worse) {
    gate_row.verdict = GateVerdict::pass;
    return;
  }
  const bool overlap = head.min <= base.max && base.min <= head.max;
  if (gate_row.rule.kind == MetricClass::deterministic && overlap &&
      !(base.min == base.max && head.min == head.max)) {
    gate_row.verdict = GateVerdict::inconclusive;
    gate_row.why = fmt::format("worse by more than {}, but the replicas' ranges overlap",
                               limit_text(gate_row.rule.limit));
    return;
  }
  gate_row.verdict = GateVerdict::fail;
  gate_row.why = fmt::format("worse by more than {}", limit_text(gate_row.rule.limit));
}

void judge_noisy(GateRow& gate_row, double level)
{
  const NoisyEffect& effect = *gate_row.effect;
  const double limit = gate_row.rule.limit.relative
                           ? gate_row.rule.limit.value
                           : gate_row.rule.limit.value / std::abs(effect.base.median);
  const NoisyVerdict verdict = decide_noisy(effect, *gate_row.adjusted_p, level, limit);
  switch (verdict) {
    case NoisyVerdict::too_few_boots:
      gate_row.verdict = GateVerdict::inconclusive;
      gate_row.why =
          fmt::format("{} against {} boots can reach p = {:.2g} at best, the level is {:g}",
                      effect.boots_base, effect.boots_head, effect.smallest_p, level);
      return;
    case NoisyVerdict::undecided:
      gate_row.verdict = GateVerdict::inconclusive;
      gate_row.why = fmt::format("neither a change beyond {} nor its absence was shown",
                                 limit_text(gate_row.rule.limit));
      return;
    case NoisyVerdict::unchanged:
      gate_row.verdict = GateVerdict::pass;
      return;
    case NoisyVerdict::lower:
    case NoisyVerdict::higher:
      break;
  }
  const bool higher = verdict == NoisyVerdict::higher;
  const bool worse =
      gate_row.rule.better == Watch::both || higher == (gate_row.rule.better == Watch::lower);
  gate_row.verdict = worse ? GateVerdict::fail : GateVerdict::pass;
  if (worse)
    gate_row.why = fmt::format("worse by more than {}, p = {:.2g}", limit_text(gate_row.rule.limit),
                               *gate_row.adjusted_p);
}

// What changed most within the row's case, of the rows that are parts of its metric.
std::vector<std::string> blamed_sites(const ComparisonRow& failed,
                                      const std::vector<ComparisonRow>& rows)
{
  std::vector<std::pair<double, const ComparisonRow*>> parts;
  for (const ComparisonRow& row : rows)
    if (!row.site.empty() && row.metric == failed.metric && row.workload == failed.workload &&
        row.arguments == failed.arguments) {
      const double base = row.base.spread ? row.base.spread->median : 0;
      const double head = row.head.spread ? row.head.spread->median : 0;
      if (base != head)
        parts.emplace_back(head - base, &row);
    }
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
    return std::abs(a.first) > std::abs(b.first);
  });
  std::vector<std::string> blamed;
  for (std::size_t i = 0; i < std::min(parts.size(), kMostBlamed); ++i)
    blamed.push_back(
        fmt::format("{}: {:+.6g} {}", parts[i].second->site, parts[i].first, failed.metric->unit));
  return blamed;
}

GateVerdict overall(const Gate& gate)
{
  for (const auto verdict : {GateVerdict::fail, GateVerdict::inconclusive, GateVerdict::pass})
    if (gate.count(verdict) > 0)
      return verdict;
  return GateVerdict::skip;
}

}  // namespace

std::string_view to_string(GateVerdict verdict)
{
  switch (verdict) {
    case GateVerdict::pass:
      return "PASS";
    case GateVerdict::fail:
      return "FAIL";
    case GateVerdict::inconclusive:
      return "INCONCLUSIVE";
    case GateVerdict::skip:
      return "SKIP";
  }
  return "?";
}

std::size_t Gate::count(GateVerdict wanted) const
{
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const GateRow& row) { return row.verdict == wanted; }));
}

Gate judge(const Comparison& comparison, const Policy& policy)
{
  Gate gate;
  std::vector<double> p;
  for (const ComparisonRow& row : comparison.rows) {
    const GateRule rule = policy.rule_for(*row.metric, row.workload, row.arguments);
    if (!rule.gated || !row.site.empty())
      continue;
    GateRow gate_row{.row = row, .rule = rule};
    if (row.base.failed || row.head.failed) {
      gate_row.verdict = GateVerdict::fail;
      gate_row.why =
          fmt::format("the workload failed on the {}: {}", row.head.failed ? "head" : "base",
                      row.head.failed ? row.head.reason : row.base.reason);
    } else if (!row.base.spread || !row.head.spread) {
      gate_row.why = row.head.spread ? "base: " + row.base.reason : row.head.reason;
    } else if (rule.kind == MetricClass::noisy) {
      gate_row.effect = row.effect;
      if (gate_row.effect)
        p.push_back(gate_row.effect->p);
      else
        gate_row.why = "no boot of ours on one side";
    } else {
      judge_counted(gate_row);
    }
    gate.rows.push_back(std::move(gate_row));
  }
  const auto adjusted = holm(p);
  std::size_t next = 0;
  for (GateRow& row : gate.rows) {
    if (row.effect) {
      row.adjusted_p = adjusted[next++];
      judge_noisy(row, policy.level());
    }
    if (row.verdict == GateVerdict::fail)
      row.blamed = blamed_sites(row.row, comparison.rows);
  }
  gate.verdict = overall(gate);
  return gate;
}

void blame_functions(Gate& gate, const Run& base, const Run& head)
{
  for (GateRow& row : gate.rows) {
    if (row.verdict != GateVerdict::fail)
      continue;
    const auto changes = function_changes(base, head, row.row.workload, row.row.arguments);
    for (std::size_t i = 0; i < std::min(changes.size(), kMostBlamed); ++i)
      if (changes[i].change() != 0)
        row.blamed.push_back(
            fmt::format("{}: {:+.6g} instructions/op", changes[i].function, changes[i].change()));
  }
}

namespace
{

std::string case_name(const ComparisonRow& row)
{
  std::string name = row.workload;
  for (const auto argument : split(row.arguments, ';'))
    if (!argument.empty())
      name += " " + std::string(argument);
  return name;
}

// "base=430012 head=431000 change=+0.230% limit=0.1%"
std::string values_of(const GateRow& row)
{
  std::string text = fmt::format("metric={} unit={}", row.row.metric->name, row.row.metric->unit);
  for (const auto& [name, side] : {std::pair{"base", &row.row.base}, {"head", &row.row.head}})
    if (side->spread) {
      text += fmt::format(" {}={}", name, number_text(side->spread->median));
      if (side->spread->min != side->spread->max)
        text +=
            fmt::format("[{},{}]", number_text(side->spread->min), number_text(side->spread->max));
    }
  if (row.row.change)
    text += fmt::format(" change={:+.3f}%", *row.row.change * 100);
  if (row.rule.limit.relative)
    text += fmt::format(" limit={:.4g}%", row.rule.limit.value * 100);
  else
    text += fmt::format(" limit={:.6g}", row.rule.limit.value);
  if (row.effect && row.effect->ratio)
    text += fmt::format(" ratio={:.4f} ci=[{:.4f},{:.4f}]", row.effect->ratio->estimate,
                        row.effect->ratio->interval.low, row.effect->ratio->interval.high);
  if (row.adjusted_p)
    text += fmt::format(" p={:.3g}", *row.adjusted_p);
  return text;
}

std::string escaped(std::string_view text)
{
  std::string result;
  for (const char c : text)
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        // XML 1.0 has no other control characters, escaped or not.
        result += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  return result;
}

}  // namespace

std::string gate_ktap(const Gate& gate)
{
  std::string text = ktap_header(gate.rows.size());
  std::size_t number = 0;
  for (const GateRow& row : gate.rows) {
    const std::string name = fmt::format("{}: {}", case_name(row.row), row.row.metric->name);
    std::string diagnostics = values_of(row) + "\n";
    if (row.verdict == GateVerdict::fail)
      diagnostics += row.why + "\n";
    for (const auto& line : row.blamed)
      diagnostics += "  " + line + "\n";
    text += ktap_diagnostic(diagnostics);
    switch (row.verdict) {
      case GateVerdict::pass:
      case GateVerdict::fail:
        text += ktap_result(++number, name,
                            row.verdict == GateVerdict::pass ? Outcome::ok : Outcome::not_ok);
        break;
      case GateVerdict::inconclusive:
        text += ktap_result(++number, name, Outcome::skip, "inconclusive: " + row.why);
        break;
      case GateVerdict::skip:
        text += ktap_result(++number, name, Outcome::skip, row.why);
        break;
    }
  }
  return text + ktap_diagnostic(fmt::format(
                    "{}: {} pass, {} fail, {} inconclusive, {} skip", to_string(gate.verdict),
                    gate.count(GateVerdict::pass), gate.count(GateVerdict::fail),
                    gate.count(GateVerdict::inconclusive), gate.count(GateVerdict::skip)));
}

std::string gate_junit(const Gate& gate)
{
  std::vector<std::string> workloads;
  for (const GateRow& row : gate.rows)
    if (std::find(workloads.begin(), workloads.end(), row.row.workload) == workloads.end())
      workloads.push_back(row.row.workload);
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  text += fmt::format(
      "<testsuites name=\"rmaplab gate\" tests=\"{}\" failures=\"{}\" "
      "skipped=\"{}\">\n",
      gate.rows.size(), gate.count(GateVerdict::fail),
      gate.count(GateVerdict::skip) + gate.count(GateVerdict::inconclusive));
  for (const auto& workload : workloads) {
    std::string cases;
    std::size_t tests = 0;
    std::size_t failures = 0;
    std::size_t skipped = 0;
    for (const GateRow& row : gate.rows) {
      if (row.row.workload != workload)
        continue;
      ++tests;
      cases += fmt::format("    <testcase classname=\"{}\" name=\"{}: {}\">\n", escaped(workload),
                           escaped(case_name(row.row)), row.row.metric->name);
      cases += "      <properties>\n";
      const std::string values = values_of(row);
      for (const auto word : split_blanks(values))
        if (const auto equals = word.find('='); equals != std::string_view::npos)
          cases += fmt::format("        <property name=\"{}\" value=\"{}\"/>\n",
                               escaped(word.substr(0, equals)), escaped(word.substr(equals + 1)));
      cases += "      </properties>\n";
      if (row.verdict == GateVerdict::fail) {
        ++failures;
        cases += fmt::format("      <failure message=\"{}\">{}</failure>\n", escaped(row.why),
                             escaped(fmt::format("{}", fmt::join(row.blamed, "\n"))));
      } else if (row.verdict != GateVerdict::pass) {
        ++skipped;
        cases += fmt::format("      <skipped message=\"{}{}\"/>\n",
                             row.verdict == GateVerdict::inconclusive ? "inconclusive: " : "",
                             escaped(row.why));
      }
      cases += "    </testcase>\n";
    }
    text += fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n{}"
        "  </testsuite>\n",
        escaped(workload), tests, failures, skipped, cases);
  }
  return text + "</testsuites>\n";
}

}  // namespace rmaplab
