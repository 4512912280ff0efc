// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include "base/printable.h"
#include "base/text.h"
#include "reports/report.h"

namespace rmaplab
{

namespace
{

std::string cells(const std::optional<Spread>& spread)
{
  if (!spread)
    return ",,";
  return number_text(spread->median) + "," + number_text(spread->min) + "," +
         number_text(spread->max);
}

}  // namespace

std::string csv_cell(std::string text)
{
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '"');
  return text.find_first_of(",\"\n\r") == std::string::npos ? text : '"' + text + '"';
}

std::string csv_report(const Comparison& comparison)
{
  std::string text =
      "workload,arguments,metric,unit,class,base_median,base_min,base_max,head_median,head_min,"
      "head_max,change,verdict,reason,site\n";
  // What is missing of a run has no case and no metric.
  for (const auto& [side, gaps] :
       {std::pair{"base", &comparison.base_gaps}, {"head", &comparison.head_gaps}})
    for (const Gap& gap : *gaps)
      text += fmt::format(",,,,,,,,,,,,{},{},\n", gap.failed ? "failed" : "missing",
                          csv_cell(fmt::format("{}: {}", side, gap.text)));
  for (const ComparisonRow& row : comparison.rows)
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{}\n", csv_cell(row.workload), csv_cell(row.arguments),
        row.metric->name, row.metric->unit, to_string(row.metric->kind), cells(row.base.spread),
        cells(row.head.spread), row.change ? number_text(*row.change) : "", to_string(row.verdict),
        csv_cell(row.head.reason.empty() ? row.base.reason : row.head.reason), csv_cell(row.site));
  return printable(text);
}

}  // namespace rmaplab
