// SPDX-License-Identifier: GPL-2.0-only
#include "lab/mutant.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "lab/patch_series.h"
#include "results/metric.h"

namespace rmaplab
{

Result<Mutant> parse_mutant(const std::string& name, std::string_view text)
{
  Mutant mutant{.name = name.substr(0, name.rfind('.'))};
  std::string change;
  const std::map<std::string, std::string*, std::less<>> fields = {
      {"Mutant", &mutant.title},        {"Breaks", &mutant.breaks}, {"Workload", &mutant.workload},
      {"Arguments", &mutant.arguments}, {"Metric", &mutant.metric}, {"Change", &change},
      {"Config", &mutant.config},       {"Passes", &mutant.passes}, {"Function", &mutant.function},
      {"Below", &mutant.below},         {"Check", &mutant.check}};
  auto expected = [&](std::size_t line, const std::string& what) {
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}:{}: expected {}", name, line, what)};
  };
  std::string* field = nullptr;
  std::map<std::string, std::size_t, std::less<>> seen;
  std::size_t number = 0;
  for (const auto line : lines_of(text)) {
    ++number;
    if (trim(line).empty() || line.substr(0, 4) == "diff")
      break;
    if (line.substr(0, 2) == "  " && field) {
      *field += " " + std::string(trim(line));
      continue;
    }
    const auto colon = line.find(':');
    const auto found = fields.find(line.substr(0, colon));
    if (colon == std::string_view::npos || found == fields.end())
      return expected(number,
                      "one of the fields Mutant, Breaks, Below, Config, Check, Workload, "
                      "Arguments, Metric, Change, Passes, Function");
    field = found->second;
    *field = trim(line.substr(colon + 1));
    seen[found->first] = number;
  }
  // What a check must catch has no figure.
  std::set<std::string, std::less<>> optional = {"Config", "Passes", "Below", "Check", "Function"};
  if (!mutant.check.empty())
    optional.insert({"Workload", "Arguments", "Metric", "Change"});
  for (const auto& [key, value] : fields)
    if (seen.contains(key) ? value->empty() && key != "Arguments" : !optional.contains(key))
      return expected(number, fmt::format("a field {} above", key));
  if (mutant.check.empty() && !find_metric(mutant.metric))
    return expected(seen["Metric"], fmt::format("a metric, found \"{}\"", mutant.metric));
  if (mutant.check.empty()) {
    mutant.relative = change.back() == '%';
    const std::string amount(
        trim(std::string_view(change).substr(0, change.size() - (mutant.relative ? 1 : 0))));
    const auto value = parse_double(amount[0] == '+' ? amount.substr(1) : amount);
    if (!value || *value == 0)
      return expected(seen["Change"],
                      fmt::format("a change like +10% or -1, found \"{}\"", change));
    mutant.change = mutant.relative ? *value / 100 : *value;
  }
  mutant.diff = diff_of(text);
  if (mutant.diff.empty())
    return expected(number, "a diff below");
  return mutant;
}

std::string change_text(const Mutant& mutant)
{
  if (!mutant.check.empty())
    return "not ok";
  return mutant.relative ? fmt::format("{:+.4g}%", mutant.change * 100)
                         : fmt::format("{:+.4g}", mutant.change);
}

}  // namespace rmaplab
