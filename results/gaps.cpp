// SPDX-License-Identifier: GPL-2.0-only
#include "results/gaps.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>

#include "base/printable.h"
#include "base/text.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kMostBoots = 100'000;

constexpr std::uint64_t kMostCases = 1'000'000;
constexpr std::string_view kCasesOf = "plan.cases.";

// failure.1, failure.2, ... in the order of their numbers; others first.
std::multimap<std::uint64_t, std::string> failures_of(const Manifest& manifest)
{
  constexpr std::string_view kFailure = "failure";
  std::multimap<std::uint64_t, std::string> failures;
  for (const auto& [key, value] : manifest)
    if (key == kFailure || key.starts_with(std::string(kFailure) + "."))
      failures.emplace(parse_u64(key.substr(std::min(key.size(), kFailure.size() + 1))).value_or(0),
                       value);
  return failures;
}

struct PlannedPass {
  std::string pass;
  std::uint64_t cases = 0;
};

// "bare=57 state=57"; nothing where a word is something else, or a pass is there twice.
std::optional<std::vector<PlannedPass>> passes_of(std::string_view text)
{
  std::vector<PlannedPass> passes;
  for (const auto word : split_blanks(text)) {
    const auto equals = word.find('=');
    if (equals == std::string_view::npos)
      return std::nullopt;
    const auto cases = parse_u64(word.substr(equals + 1));
    const std::string pass(word.substr(0, equals));
    const bool twice =
        std::ranges::any_of(passes, [&](const PlannedPass& one) { return one.pass == pass; });
    if (!cases || *cases < 1 || *cases > kMostCases || pass.empty() || twice)
      return std::nullopt;
    passes.push_back({.pass = pass, .cases = *cases});
  }
  if (passes.empty())
    return std::nullopt;
  return passes;
}

// By boot and pass: cases that have a row, whatever it says.
using CasesSeen = std::map<std::pair<int, SharedText>, std::unordered_set<CaseName>>;
CasesSeen cases_seen(const std::vector<Sample>& samples)
{
  CasesSeen seen;
  for (const Sample& sample : samples)
    seen[{std::max(sample.boot, 1), sample.pass}].insert(case_of(sample));
  return seen;
}

// In the exact lab each case of pass bare counts its instructions, or says why it could not.
void add_uncounted(const Manifest& manifest, const std::vector<Sample>& samples,
                   std::vector<Gap>& gaps)
{
  if (manifest_value(manifest, "mode") != "exact")
    return;
  std::set<std::tuple<int, SharedText, SharedText>> uncounted;
  for (const Sample& sample : samples)
    if (sample.pass == "bare")
      uncounted.emplace(std::max(sample.boot, 1), sample.workload, sample.arguments);
  for (const Sample& sample : samples)
    if (sample.metric == "instructions")
      uncounted.erase({std::max(sample.boot, 1), sample.workload, sample.arguments});
  if (uncounted.empty())
    return;
  const auto& [boot, workload, arguments] = *uncounted.begin();
  gaps.push_back(
      {.text = fmt::format("{} {} of pass bare {} no row of instructions, first {}{}{} in boot {}",
                           uncounted.size(), uncounted.size() == 1 ? "case" : "cases",
                           uncounted.size() == 1 ? "has" : "have", workload,
                           arguments.empty() ? "" : " ", arguments, boot)});
}

void add_lost_log(const Manifest& manifest, std::vector<Gap>& gaps)
{
  const std::string lost = manifest_value(manifest, "kernel_log.lost");
  if (!lost.empty() && lost != "0")
    gaps.push_back({.text = fmt::format("the kernel's log lost {}: complaints may be among them",
                                        printable(lost))});
}

}  // namespace

Result<> check_plan_keys(const std::string& name, const Manifest& manifest)
{
  const auto expected = [&](const std::string& key, const std::string& what) {
    return Error{.code = Errc::parse,
                 .context = fmt::format("{}: {} is \"{}\", expected {}", name, printable(key),
                                        printable(manifest_value(manifest, key)), what)};
  };
  std::optional<std::uint64_t> boots;
  for (const char* key : {"replicas", "plan.boots"}) {
    if (!manifest.contains(key))
      continue;
    const auto number = parse_u64(manifest_value(manifest, key));
    if (!number || *number < 1 || *number > kMostBoots)
      return expected(key, fmt::format("a number from 1 to {}", kMostBoots));
    if (boots && *boots != *number)
      return expected(key, fmt::format("{}, as replicas says", *boots));
    boots = number;
  }
  for (const auto& [key, value] : manifest) {
    if (!key.starts_with(kCasesOf) && key != kPlanCases)
      continue;
    const auto boot =
        key.starts_with(kCasesOf) ? parse_u64(key.substr(kCasesOf.size())) : std::nullopt;
    if (!boots || !boot || *boot < 1 || *boot > *boots ||
        key != fmt::format("{}{}", kCasesOf, *boot))
      return expected(key, "the cases of a boot of plan.boots");
    if (!passes_of(value))
      return expected(key, "words like bare=57, each pass once");
  }
  return ok();
}

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
    const std::string key = fmt::format("{}{}", kCasesOf, boot);
    if (manifest.contains("plan.boots") && !manifest.contains(key))
      gaps.push_back({.text = fmt::format("boot {} of {}: its plan is not known", boot, boots)});
    const auto passes = passes_of(manifest_value(manifest, key));
    for (const auto& [pass, planned] : passes.value_or(std::vector<PlannedPass>())) {
      const auto found = seen.find({number, pass});
      const std::size_t there = found == seen.end() ? 0 : found->second.size();
      if (there < planned)
        gaps.push_back({.text = fmt::format("boot {} of {}: {} of {} cases of pass {} have no rows",
                                            boot, boots, planned - there, planned, pass)});
    }
  }
  add_uncounted(manifest, samples, gaps);
  add_lost_log(manifest, gaps);
  std::unordered_set<SharedText> with_rows;
  for (const Sample& sample : samples)
    with_rows.insert(sample.workload);
  constexpr std::string_view kWorkload = "workload.";
  for (const auto& [key, value] : manifest)
    if (key.starts_with(kWorkload) &&
        !with_rows.contains(std::string_view(key).substr(kWorkload.size())))
      gaps.push_back({.text = fmt::format("{} has no rows", key.substr(kWorkload.size()))});
  return gaps;
}

bool tells_of_loss(std::string_view reason)
{
  return reason.find(" did not fit in ") != std::string_view::npos ||
         reason.find(" lost") != std::string_view::npos;
}

}  // namespace rmaplab
