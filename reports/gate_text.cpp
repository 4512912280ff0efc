// SPDX-License-Identifier: GPL-2.0-only
// A gate as KTAP and as JUnit's XML.
#include <fmt/format.h>

#include <algorithm>

#include "base/ktap.h"
#include "base/printable.h"
#include "base/text.h"
#include "reports/gate.h"

namespace rmaplab
{

namespace
{

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

// A part of a metric has a row where it failed.
std::string metric_name(const GateRow& row)
{
  return fmt::format("{}{}", row.row.metric->name,
                     row.row.site.empty() ? "" : " in " + row.row.site);
}

std::string row_name(const GateRow& row)
{
  return fmt::format("{}: {}", case_name(row.row), metric_name(row));
}

std::string gap_name(const std::string& side, const Gap& gap)
{
  return side + ": " + gap.text;
}

std::string escaped(std::string_view text)
{
  std::string result;
  for (const char c : printable(text))
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
        result += c;
    }
  return result;
}

std::size_t failed_gaps(const Gate& gate)
{
  return static_cast<std::size_t>(std::count_if(gate.gaps.begin(), gate.gaps.end(),
                                                [](const GateGap& one) { return one.gap.failed; }));
}

// What is missing or failed of the runs, as a suite of its own.
std::string gaps_junit(const Gate& gate)
{
  if (gate.gaps.empty())
    return {};
  std::string text =
      fmt::format("  <testsuite name=\"runs\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
                  gate.gaps.size(), failed_gaps(gate), gate.gaps.size() - failed_gaps(gate));
  for (const auto& [side, gap] : gate.gaps)
    text += fmt::format(
        "    <testcase classname=\"runs\" name=\"{}\">\n      <{} message=\"{}\"/>\n"
        "    </testcase>\n",
        escaped(gap_name(side, gap)), gap.failed ? "failure" : "skipped",
        escaped(gap.failed ? gap.text : "inconclusive: " + gap.text));
  return text + "  </testsuite>\n";
}

}  // namespace

std::string gate_ktap(const Gate& gate)
{
  std::string text = ktap_header(gate.gaps.size() + gate.rows.size());
  for (const auto& note : gate.notes)
    text += ktap_diagnostic(note);
  std::size_t number = 0;
  for (const auto& [side, gap] : gate.gaps)
    text += gap.failed ? ktap_result(++number, gap_name(side, gap), Outcome::not_ok)
                       : ktap_result(++number, side, Outcome::skip, "inconclusive: " + gap.text);
  for (const GateRow& row : gate.rows) {
    const std::string name = row_name(row);
    std::string diagnostics = values_of(row) + "\n";
    if ((row.verdict == GateVerdict::fail || row.verdict == GateVerdict::pass) && !row.why.empty())
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
  std::string sum =
      fmt::format("{}: {} pass, {} fail, {} inconclusive, {} skip", to_string(gate.verdict),
                  gate.count(GateVerdict::pass), gate.count(GateVerdict::fail),
                  gate.count(GateVerdict::inconclusive), gate.count(GateVerdict::skip));
  if (!gate.gaps.empty())
    sum += fmt::format(", {} of the runs missing or failed", gate.gaps.size());
  return printable(text + ktap_diagnostic(sum));
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
      gate.rows.size() + gate.gaps.size(), gate.count(GateVerdict::fail) + failed_gaps(gate),
      gate.count(GateVerdict::skip) + gate.count(GateVerdict::inconclusive) + gate.gaps.size() -
          failed_gaps(gate));
  text += gaps_junit(gate);
  if (!gate.notes.empty())
    text += fmt::format(
        "  <testsuite name=\"notes\" tests=\"0\" failures=\"0\" skipped=\"0\">\n"
        "    <system-out>{}</system-out>\n  </testsuite>\n",
        escaped(fmt::format("{}", fmt::join(gate.notes, "\n"))));
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
                           escaped(case_name(row.row)), escaped(metric_name(row)));
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

std::string error_junit(std::string_view error)
{
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"rmaplab gate\" tests=\"1\" failures=\"0\" errors=\"1\">\n"
      "  <testsuite name=\"runs\" tests=\"1\" failures=\"0\" errors=\"1\">\n"
      "    <testcase classname=\"runs\" name=\"gate\">\n      <error message=\"{}\"/>\n"
      "    </testcase>\n  </testsuite>\n</testsuites>\n",
      escaped(error));
}

}  // namespace rmaplab
