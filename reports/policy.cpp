// SPDX-License-Identifier: GPL-2.0-only
#include "reports/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace rmaplab
{

namespace
{

std::optional<Limit> parse_limit(std::string_view text)
{
  const bool relative = !text.empty() && text.back() == '%';
  const auto value = parse_double(text.substr(0, text.size() - (relative ? 1 : 0)));
  if (!value || !(*value >= 0) || !std::isfinite(*value))
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
  const bool known = verb == "limit" || verb == "direction" || verb == "rule" || verb == "ignore" ||
                     verb == "allow" || verb == "placement";
  if (!known)
    return expected(fmt::format(
        "level, limit, direction, rule, ignore, placement or allow, found \"{}\"", verb));
  const std::size_t wanted = verb == "ignore" ? 3 : 4;
  if (words.size() != wanted)
    return expected(fmt::format("{} {} CASES{}, found {} words", verb,
                                verb == "allow" ? "FUNCTIONS" : "METRICS",
                                wanted == 4 ? " VALUE" : "", words.size()));
  Line line{.where = where,
            .verb = std::string(verb),
            .metrics = std::string(words[1]),
            .cases = std::string(words[2])};
  if (verb == "allow") {
    if (!(line.allowed = parse_limit(words[3])))
      return expected(fmt::format("an allowance like 0.5% or 200, found \"{}\"", words[3]));
    return line;
  }
  for (const auto one : split(line.metrics, ','))
    if (std::ranges::none_of(all_metrics(), [&](const Metric& metric) {
          return glob_match(std::string(one), std::string(metric.name));
        }))
      return expected(fmt::format("a metric, found \"{}\"; see `rmaplab list --metrics`", one));
  if (verb == "ignore") {
    line.gated = false;
    return line;
  }
  if (verb == "placement") {
    const auto limit = parse_limit(words[3]);
    if (!limit || !limit->relative)
      return expected(fmt::format("a share of the base like 0.3%, found \"{}\"", words[3]));
    line.placement = limit->value;
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

// A later line may be narrower or wider than an earlier one; the same metrics and cases twice,
// with different values, is a slip.
std::optional<std::string> Policy::contradiction(const std::vector<Line>& lines, const Line& line)
{
  for (const Line& other : lines) {
    if (other.metrics != line.metrics || other.cases != line.cases ||
        (other.verb == "allow") != (line.verb == "allow"))
      continue;
    if (line.verb == "allow" && other.allowed == line.allowed)
      return fmt::format("{}: is {} again: an allowance counts once", line.where, other.where);
    const bool ignored = (other.verb == "ignore") != (line.verb == "ignore");
    const bool differs =
        other.verb == line.verb &&
        (other.limit != line.limit || other.better != line.better || other.kind != line.kind ||
         other.placement != line.placement || other.allowed != line.allowed);
    if (ignored || differs)
      return fmt::format("{}: contradicts {}: {} {} {}", line.where, other.where, other.verb,
                         other.metrics, other.cases);
  }
  return std::nullopt;
}

Result<Policy> Policy::parse(const std::string& name, std::string_view text)
{
  Policy policy;
  std::optional<std::size_t> level_line;
  std::size_t number = 0;
  for (const auto whole : lines_of(text)) {
    const std::string where = fmt::format("{}:{}", name, ++number);
    const auto words = split_blanks(trim(whole.substr(0, whole.find('#'))));
    if (words.empty())
      continue;
    if (words[0] == "level") {
      const auto level = words.size() == 2 ? parse_double(words[1]) : std::nullopt;
      if (!level || !(*level > 0 && *level <= 0.5))
        return Error{.code = Errc::parse,
                     .context = where + ": expected level and a number above 0, at most 0.5"};
      if (level_line && *level != policy.level_)
        return Error{.code = Errc::parse,
                     .context = fmt::format("{}: contradicts {}:{}: level {:g}", where, name,
                                            *level_line, policy.level_)};
      level_line = number;
      policy.level_ = *level;
      continue;
    }
    auto line = parse_line(where, words);
    if (!line)
      return line.error();
    if (const auto slip = contradiction(policy.lines_, *line))
      return Error{.code = Errc::parse, .context = *slip};
    policy.lines_.push_back(*std::move(line));
  }
  if (policy.lines_.empty() && !level_line)
    return Error{.code = Errc::parse,
                 .context = name + ": has no rule; expected lines like \"limit vmas fork_* 2\""};
  return policy;
}

namespace
{

bool fits(const std::string& cases, const std::string& workload, const std::string& arguments)
{
  return glob_match(cases, workload) || glob_match(cases, workload + ":" + arguments);
}

}  // namespace

std::vector<Allowance> Policy::allowances_for(const std::string& workload,
                                              const std::string& arguments) const
{
  std::vector<Allowance> allowances;
  for (const Line& line : lines_)
    if (line.allowed && fits(line.cases, workload, arguments))
      allowances.push_back(
          {.functions = line.metrics, .cases = line.cases, .limit = *line.allowed});
  return allowances;
}

std::vector<std::string> Policy::unused(const std::vector<PolicyTarget>& targets) const
{
  std::vector<std::string> notes;
  for (const Line& line : lines_) {
    bool all_there = true;
    for (const auto one : split(line.cases, ','))
      if (std::ranges::none_of(targets, [&](const PolicyTarget& target) {
            return fits(std::string(one), target.workload, target.arguments);
          })) {
        notes.push_back(fmt::format("{}: no case of these runs is {}", line.where, one));
        all_there = false;
      }
    if (line.allowed || !all_there)
      continue;
    for (const auto one : split(line.metrics, ','))
      if (std::ranges::none_of(targets, [&](const PolicyTarget& target) {
            return glob_match(std::string(one), target.metric) &&
                   fits(line.cases, target.workload, target.arguments);
          }))
        notes.push_back(
            fmt::format("{}: {} has no row of {} in these runs", line.where, line.cases, one));
  }
  return notes;
}

std::vector<std::string> Policy::unused_functions(const std::vector<std::string>& functions) const
{
  std::vector<std::string> notes;
  for (const Line& line : lines_) {
    if (!line.allowed || functions.empty())
      continue;
    for (const auto one : split(line.metrics, ','))
      if (std::ranges::none_of(functions, [&](const std::string& name) {
            return glob_match(std::string(one), name);
          }))
        notes.push_back(fmt::format("{}: no function of these runs is {}", line.where, one));
  }
  return notes;
}

GateRule Policy::rule_for(const Metric& metric, const std::string& workload,
                          const std::string& arguments) const
{
  GateRule rule{.gated = metric.headline && metric.better != Direction::neutral,
                .limit = {.value = metric.floor},
                .better = metric.better == Direction::lower    ? Watch::lower
                          : metric.better == Direction::higher ? Watch::higher
                                                               : Watch::both,
                .kind = metric.kind,
                .placement = metric.placement};
  rule.gated = rule.gated && workload != "null";
  for (const Line& line : lines_) {
    if (line.allowed || !glob_match(line.metrics, std::string(metric.name)) ||
        !fits(line.cases, workload, arguments))
      continue;
    if (line.gated) {
      rule.gated = *line.gated && workload != "null";
      rule.ignored = !*line.gated;
    }
    rule.limit = line.limit.value_or(rule.limit);
    rule.better = line.better.value_or(rule.better);
    rule.kind = line.kind.value_or(rule.kind);
    rule.placement = line.placement.value_or(rule.placement);
  }
  return rule;
}

}  // namespace rmaplab
