// SPDX-License-Identifier: GPL-2.0-only
#include "results/gaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kMostBoots = 100'000;

// failure.1, failure.2, ... in the order of their numbers.
std::map<std::uint64_t, std::string> failures_of(const Manifest& manifest)
{
  constexpr std::string_view kPrefix = "failure.";
  std::map<std::uint64_t, std::string> failures;
  for (const auto& [key, value] : manifest)
    if (key.starts_with(kPrefix))
      failures[parse_u64(key.substr(kPrefix.size())).value_or(0)] = value;
  return failures;
}

// By boot and pass: cases that have a row, whatever it says.
using CasesSeen = std::map<std::pair<int, std::string>, std::set<std::string>>;
CasesSeen cases_seen(const std::vector<Sample>& samples)
{
  CasesSeen seen;
  for (const Sample& sample : samples)
    seen[{std::max(sample.boot, 1), sample.pass}].insert(sample.workload + ' ' + sample.arguments);
  return seen;
}

}  // namespace

std::vector<Gap> gaps_of(const Manifest& manifest, const std::vector<Sample>& samples)
{
  std::vector<Gap> gaps;
  for (const auto& [number, failure] : failures_of(manifest))
    gaps.push_back({.failed = true, .text = "a boot failed: " + failure});
  std::string planned_boots = manifest_value(manifest, "plan.boots");
  if (planned_boots.empty())
    planned_boots = manifest_value(manifest, "replicas");
  const std::uint64_t boots = std::min(parse_u64(planned_boots).value_or(0), kMostBoots);
  const CasesSeen seen = cases_seen(samples);
  for (std::uint64_t boot = 1; boot <= boots; ++boot) {
    const auto number = static_cast<int>(boot);
    const auto first = seen.lower_bound({number, ""});
    if (first == seen.end() || first->first.first != number) {
      gaps.push_back({.text = fmt::format("boot {} of {}: no rows", boot, boots)});
      continue;
    }
    const std::string cases = manifest_value(manifest, fmt::format("{}.{}", kPlanCases, boot));
    for (const auto word : split_blanks(cases)) {
      const auto equals = word.find('=');
      const std::string pass(word.substr(0, equals));
      const std::uint64_t planned =
          equals == std::string_view::npos ? 0 : parse_u64(word.substr(equals + 1)).value_or(0);
      const auto found = seen.find({number, pass});
      const std::size_t there = found == seen.end() ? 0 : found->second.size();
      if (there < planned)
        gaps.push_back({.text = fmt::format("boot {} of {}: {} of {} cases of pass {} have no rows",
                                            boot, boots, planned - there, planned, pass)});
    }
  }
  return gaps;
}

}  // namespace rmaplab
