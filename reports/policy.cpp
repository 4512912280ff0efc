// SPDX-License-Identifier: GPL-2.0-only
#include "reports/policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace rmaplab
{

namespace
{

std::optional<Limit> parse_limit(std::string_view text)
{
  const bool relative = !text.empty() && text.back() == '%';
  const auto value = parse_double(text.substr(0, text.size() - (relative ? 1 : 0)));
  if (!value || !(*value >= 0))
    return std::nullopt;
  return Limit{.value = relative ? *value / 100 : *value, .relative = relative};
}

std::optional<Watch> parse_watch(std::string_view text)
{
  if (text == "lower")
    return Watch::lower;
  if (text == "higher")
    return Watch::higher;
  if (text == "both")
    return Watch::both;
  return std::nullopt;
}

std::optional<MetricClass> parse_class(std::string_view text)
{
  for (const auto kind : {MetricClass::exact, MetricClass::deterministic, MetricClass::noisy})
    if (text == to_string(kind))
      return kind;
  return std::nullopt;
}

}  // namespace

Result<Policy::Line> Policy::parse_line(const std::string& where,
                                        const std::vector<std::string_view>& words)
{
  auto expected = [&](const std::string& what) {
    return Error{.code = Errc::parse, .context = where + ": expected " + what};
  };
  const std::string_view verb = words[0];
  const bool known = verb == "limit" || verb == "direction" || verb == "rule" || verb == "ignore";
  if (!known)
    return expected(fmt::format("level, limit, direction, rule or ignore, found \"{}\"", verb));
  const std::size_t wanted = verb == "ignore" ? 3 : 4;
  if (words.size() != wanted)
    return expected(fmt::format("{} METRICS CASES{}, found {} words", verb,
                                wanted == 4 ? " VALUE" : "", words.size()));
  Line line{.metrics = std::string(words[1]), .cases = std::string(words[2])};
  const auto metrics = all_metrics();
  if (std::none_of(metrics.begin(), metrics.end(), [&](const Metric& metric) {
        return glob_match(line.metrics, std::string(metric.name));
      }))
    return expected(
        fmt::format("a metric, found \"{}\"; see `rmaplab list --metrics`", line.metrics));
  if (verb == "ignore") {
    line.gated = false;
    return line;
  }
  line.gated = true;
  if (verb == "limit" && !(line.limit = parse_limit(words[3])))
    return expected(fmt::format("a limit like 0.5% or 2, found \"{}\"", words[3]));
  if (verb == "direction" && !(line.better = parse_watch(words[3])))
    return expected(fmt::format("lower, higher or both, found \"{}\"", words[3]));
  if (verb == "rule" && !(line.kind = parse_class(words[3])))
    return expected(fmt::format("exact, deterministic or noisy, found \"{}\"", words[3]));
  return line;
}

Result<Policy> Policy::parse(const std::string& name, std::string_view text)
{
  Policy policy;
  std::size_t number = 0;
  for (const auto whole : lines_of(text)) {
    const std::string where = fmt::format("{}:{}", name, ++number);
    const auto words = split_blanks(trim(whole.substr(0, whole.find('#'))));
    if (words.empty())
      continue;
    if (words[0] == "level") {
      const auto level = words.size() == 2 ? parse_double(words[1]) : std::nullopt;
      if (!level || !(*level > 0 && *level < 1))
        return Error{.code = Errc::parse,
                     .context = where + ": expected level and a number between 0 and 1"};
      policy.level_ = *level;
      continue;
    }
    auto line = parse_line(where, words);
    if (!line)
      return line.error();
    policy.lines_.push_back(*std::move(line));
  }
  return policy;
}

GateRule Policy::rule_for(const Metric& metric, const std::string& workload,
                          const std::string& arguments) const
{
  GateRule rule{.gated = metric.headline && metric.better != Direction::neutral,
                .limit = {.value = metric.floor},
                .better = metric.better == Direction::lower    ? Watch::lower
                          : metric.better == Direction::higher ? Watch::higher
                                                               : Watch::both,
                .kind = metric.kind};
  for (const Line& line : lines_) {
    if (!glob_match(line.metrics, std::string(metric.name)) ||
        !(glob_match(line.cases, workload) || glob_match(line.cases, workload + ":" + arguments)))
      continue;
    rule.gated = line.gated.value_or(rule.gated);
    rule.limit = line.limit.value_or(rule.limit);
    rule.better = line.better.value_or(rule.better);
    rule.kind = line.kind.value_or(rule.kind);
  }
  return rule;
}

}  // namespace rmaplab
