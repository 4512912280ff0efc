// SPDX-License-Identifier: GPL-2.0-only
#include "reports/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "reports/functions.h"
#include "stats/multiplicity.h"

namespace rmaplab
{

namespace
{

struct Key {
  std::string workload;
  std::string arguments;
  std::string metric;
  std::string site;
  bool operator<(const Key& other) const
  {
    return std::tie(workload, arguments, metric, site) <
           std::tie(other.workload, other.arguments, other.metric, other.site);
  }
};

struct Gathered {
  std::map<int, std::vector<double>> by_boot;
  std::string reason;
  bool failed = false;
};

using Table = std::map<Key, Gathered>;

bool is_compared(const Sample& sample)
{
  return !is_function_metric(sample.metric) || sample.status == SampleStatus::fail;
}

Table gather(const std::vector<Sample>& samples)
{
  Table table;
  for (const Sample& sample : samples) {
    if (!is_compared(sample))
      continue;
    Gathered& cell = table[{sample.workload, sample.arguments, sample.metric, sample.site}];
    const bool failed = sample.status == SampleStatus::fail;
    if (sample.value)
      cell.by_boot[sample.boot].push_back(*sample.value);
    if (cell.reason.empty() || (failed && !cell.failed))
      cell.reason = sample.reason;
    cell.failed = cell.failed || failed;
  }
  return table;
}

Side side_of(const Table& table, const Key& key)
{
  Side side;
  const auto found = table.find(key);
  if (found == table.end()) {
    side.reason = "not in this run";
    side.missing = true;
    return side;
  }
  std::vector<double> all;
  for (const auto& [boot, values] : found->second.by_boot) {
    side.boots[boot] = spread_of(values)->median;
    all.push_back(side.boots[boot]);
  }
  side.repetitions = found->second.by_boot;
  side.spread = spread_of(all);
  side.reason = found->second.reason;
  side.failed = found->second.failed;
  return side;
}

Verdict in_direction(const Metric& metric, bool lower)
{
  if (metric.better == Direction::neutral)
    return Verdict::changed;
  return lower == (metric.better == Direction::lower) ? Verdict::better : Verdict::worse;
}

Verdict verdict_of(const ComparisonRow& row)
{
  if (row.base.failed || row.head.failed)
    return Verdict::failed;
  const auto change = change_of(row, row.metric->kind, row.metric->floor, row.metric->placement);
  if (!change)
    return Verdict::skipped;
  if (row.metric->kind == MetricClass::noisy)
    return Verdict::undecided;
  switch (*change) {
    case Change::identical:
      return Verdict::identical;
    case Change::within:
      return Verdict::unchanged;
    case Change::overlap:
    case Change::few:
      return Verdict::undecided;
    case Change::lower:
    case Change::higher:
      break;
  }
  return in_direction(*row.metric, *change == Change::lower);
}

constexpr double kLevel = 0.05;  // of the false ones among noisy rows that are called changed

// Noisy rows need each other's p-values.
void decide_noisy_rows(std::vector<ComparisonRow>& rows)
{
  std::vector<ComparisonRow*> noisy;
  std::vector<double> p;
  for (ComparisonRow& row : rows)
    if (row.metric->kind == MetricClass::noisy && row.verdict == Verdict::undecided)
      if ((row.effect = noisy_effect(boots_of(row.base), boots_of(row.head), 1 - kLevel))) {
        noisy.push_back(&row);
        p.push_back(row.effect->p);
      }
  const auto adjusted = benjamini_hochberg(p);
  for (std::size_t i = 0; i < noisy.size(); ++i) {
    ComparisonRow& row = *noisy[i];
    row.adjusted_p = adjusted[i];
    switch (decide_noisy(*row.effect, adjusted[i], kLevel, row.metric->floor)) {
      case NoisyVerdict::lower:
        row.verdict = in_direction(*row.metric, true);
        break;
      case NoisyVerdict::higher:
        row.verdict = in_direction(*row.metric, false);
        break;
      case NoisyVerdict::unchanged:
        row.verdict = Verdict::unchanged;
        break;
      case NoisyVerdict::undecided:
      case NoisyVerdict::too_few_boots:
        break;
    }
  }
}

std::optional<Spread> change_by_boot(const Side& base, const Side& head)
{
  const Twins twins = twins_of(base, head);
  std::vector<double> changes;
  for (std::size_t i = 0; i < twins.base.size(); ++i) {
    const auto change = relative_change(twins.base[i], twins.head[i]);
    if (!change)
      return std::nullopt;
    changes.push_back(*change);
  }
  return spread_of(changes);
}

std::map<std::string, std::string> options_of(std::string_view config)
{
  std::map<std::string, std::string> options;
  for (const auto line : lines_of(config)) {
    constexpr std::string_view kPrefix = "CONFIG_";
    constexpr std::string_view kUnset = " is not set";
    if (line.rfind(kPrefix, 0) == 0) {
      const auto equals = line.find('=');
      if (equals != std::string_view::npos)
        options[std::string(line.substr(7, equals - 7))] = line.substr(equals + 1);
    } else if (line.rfind("# CONFIG_", 0) == 0 && line.size() > 20 &&
               line.substr(line.size() - kUnset.size()) == kUnset) {
      options[std::string(line.substr(9, line.size() - 9 - kUnset.size()))] = "n";
    }
  }
  return options;
}

// What a side's replay of one case did otherwise than recorded.
struct Divergence {
  double calls = 0;
  std::string first;  // the site of replay_diverged that names the first call
};
using Diverged = std::map<std::pair<std::string, std::string>, Divergence>;  // by case
Diverged diverged_cases(const std::vector<Sample>& samples)
{
  Diverged diverged;
  for (const Sample& sample : samples) {
    if (sample.metric != kReplayDiverged || !sample.value || *sample.value == 0)
      continue;
    Divergence& one = diverged[{sample.workload, sample.arguments}];
    if (sample.site.empty())
      one.calls = std::max(one.calls, *sample.value);
    else if (one.first.empty())
      one.first = sample.site;
  }
  return diverged;
}

// A diverged side's figures are of other work: they are taken away, with the reason.
void drop_diverged(ComparisonRow& row, const Diverged& base, const Diverged& head)
{
  if (row.metric->name == kReplayDiverged)
    return;
  for (const auto& [diverged, side, name] :
       {std::tuple{&base, &row.base, "base"}, {&head, &row.head, "head"}}) {
    const auto found = diverged->find({row.workload, row.arguments});
    if (found == diverged->end() || side->failed)
      continue;
    const auto& [calls, first] = found->second;
    *side = Side{.reason = fmt::format("{}: {} calls of the replay did not return what was "
                                       "recorded{}{}",
                                       name, number_text(calls), first.empty() ? "" : ", ", first)};
  }
}

std::set<int> boots_with_values(const std::vector<ComparisonRow>& rows, Side ComparisonRow::*side)
{
  std::set<int> boots;
  for (const ComparisonRow& row : rows)
    for (const auto& [boot, value] : (row.*side).boots)
      boots.insert(boot);
  return boots;
}

// Of rows that both sides have. A boot that a side never had is its plan's matter.
void find_lost_boots(std::vector<ComparisonRow>& rows)
{
  const auto base_boots = boots_with_values(rows, &ComparisonRow::base);
  const auto head_boots = boots_with_values(rows, &ComparisonRow::head);
  for (ComparisonRow& row : rows) {
    if (row.metric->kind == MetricClass::noisy || !row.base.spread || !row.head.spread)
      continue;
    auto look = [&](const Side& has, const Side& lacks, const std::set<int>& boots,
                    const char* name) {
      for (const auto& [boot, value] : has.boots)
        if (row.lost.empty() && boots.count(boot) > 0 && lacks.boots.count(boot) == 0)
          row.lost = fmt::format("boot {} has no value on the {}{}{}", boot, name,
                                 lacks.reason.empty() ? "" : ": ", lacks.reason);
    };
    look(row.base, row.head, head_boots, "head");
    look(row.head, row.base, base_boots, "base");
  }
}

// The cases of one side that failed: workload and arguments.
using FailedCases = std::set<std::pair<std::string, std::string>>;
FailedCases failed_cases(const std::vector<Sample>& samples)
{
  FailedCases failed;
  for (const Sample& sample : samples)
    if (sample.status == SampleStatus::fail)
      failed.emplace(sample.workload, sample.arguments);
  return failed;
}

void drop_failed_cases(ComparisonRow& row, const FailedCases& base, const FailedCases& head)
{
  for (const auto& [failed, side] : {std::pair{&base, &row.base}, {&head, &row.head}})
    if (failed->count({row.workload, row.arguments}) > 0 && !side->failed)
      *side = Side{.reason = "its case failed", .case_failed = true};
}

void add_side(std::vector<std::string>& lines, const char* name, const std::vector<Gap>& gaps,
              bool checked)
{
  for (const Gap& gap : gaps)
    lines.push_back(fmt::format("{}: {}", name, gap.text));
  if (!checked)
    lines.push_back(
        fmt::format("{}: stored without a row count and checksum, not checked for "
                    "damage",
                    name));
}

// "3 rows that the base has: fork_flat vmas=4: instructions, ..."; nothing for none.
void add_rows(std::vector<std::string>& lines, const Comparison& comparison, const char* what,
              const std::function<bool(const ComparisonRow&)>& wanted)
{
  constexpr std::size_t kNamed = 4;
  std::size_t count = 0;
  std::string names;
  for (const ComparisonRow& row : comparison.rows) {
    if (!wanted(row) || ++count > kNamed)
      continue;
    names += fmt::format("{}{}: {}", names.empty() ? "" : ", ", case_name(row), row.metric->name);
    if (!row.site.empty())
      names += " (" + row.site + ")";
  }
  if (count > 0)
    lines.push_back(fmt::format("{} {} {}: {}{}", count, count == 1 ? "row" : "rows", what, names,
                                count > kNamed ? ", ..." : ""));
}

}  // namespace

Twins twins_of(const Side& base, const Side& head)
{
  Twins twins;
  for (const auto& [boot, value] : base.boots)
    if (const auto twin = head.boots.find(boot); twin != head.boots.end()) {
      twins.base.push_back(value);
      twins.head.push_back(twin->second);
    }
  return twins;
}

std::optional<Change> change_of(const ComparisonRow& row, MetricClass kind, double floor,
                                double placement)
{
  const Twins twins = twins_of(row.base, row.head);
  if (twins.base.empty())
    return std::nullopt;
  if (kind == MetricClass::deterministic)
    return decide_deterministic(twins.base, twins.head, floor, placement);
  return decide_exact(twins.base, twins.head);
}

Boots boots_of(const Side& side)
{
  Boots boots;
  for (const auto& [number, values] : side.repetitions)
    boots.push_back(values);
  return boots;
}

std::string case_name(const ComparisonRow& row)
{
  std::string name = row.workload;
  for (const auto argument : split(row.arguments, ';'))
    if (!argument.empty())
      name += " " + std::string(argument);
  return name;
}

std::vector<std::string> shortcomings(const Comparison& comparison)
{
  std::vector<std::string> lines;
  add_side(lines, "base", comparison.base_gaps, comparison.base_checked);
  add_side(lines, "head", comparison.head_gaps, comparison.head_checked);
  // A function, a lock or a size that one kernel alone has is what a comparison is for.
  const auto whole = [](const ComparisonRow& row) { return row.site.empty(); };
  add_rows(lines, comparison, "failed",
           [](const ComparisonRow& row) { return row.verdict == Verdict::failed; });
  add_rows(lines, comparison, "measured on the base alone", [&](const ComparisonRow& row) {
    return whole(row) && row.base.spread && !row.head.spread && !row.head.failed &&
           !row.head.case_failed;
  });
  add_rows(lines, comparison, "measured on the head alone", [&](const ComparisonRow& row) {
    return whole(row) && row.head.spread && !row.base.spread && !row.base.failed &&
           !row.base.case_failed;
  });
  add_rows(lines, comparison, "without a value in a boot that the other side has",
           [&](const ComparisonRow& row) { return whole(row) && !row.lost.empty(); });
  return lines;
}

std::string_view to_string(Verdict verdict)
{
  switch (verdict) {
    case Verdict::identical:
      return "identical";
    case Verdict::unchanged:
      return "unchanged";
    case Verdict::better:
      return "better";
    case Verdict::worse:
      return "worse";
    case Verdict::changed:
      return "changed";
    case Verdict::undecided:
      return "undecided";
    case Verdict::skipped:
      return "skipped";
    case Verdict::failed:
      return "failed";
  }
  return "?";
}

std::vector<std::string> compare_configs(std::string_view base, std::string_view head)
{
  const auto left = options_of(base);
  const auto right = options_of(head);
  auto keys = left;
  keys.insert(right.begin(), right.end());
  auto value = [](const auto& options, const std::string& key) {
    const auto found = options.find(key);
    return found == options.end() ? std::string("absent") : found->second;
  };
  std::vector<std::string> differences;
  for (const auto& [key, unused] : keys) {
    if (glob_match(
            "CC_VERSION_TEXT,CC_HAS_*,CC_CAN_*,CC_IS_*,GCC_VERSION,CLANG_VERSION,GCC*_NO_*,AS_*,"
            "LD_VERSION,LD_IS_*,LD_CAN_*,LLD_VERSION,RUSTC_*,BINDGEN_*,BUILD_SALT,PAHOLE_*,"
            "SYSTEM_TRUSTED_KEYS,MODULE_SIG_KEY",
            key))
      continue;
    const std::string a = value(left, key);
    const std::string b = value(right, key);
    // An option one kernel does not know and the other leaves off is no difference.
    const bool off = (a == "absent" || a == "n") && (b == "absent" || b == "n");
    if (a != b && !off)
      differences.push_back(fmt::format("{}: {} -> {}", key, a, b));
  }
  return differences;
}

Comparison compare_runs(const Run& base, const Run& head)
{
  Comparison comparison{.base = base.manifest, .head = head.manifest};
  comparison.incomparable = incomparable(base.manifest, head.manifest);
  comparison.base_gaps = base.gaps;
  comparison.head_gaps = head.gaps;
  comparison.base_checked = base.checked;
  comparison.head_checked = head.checked;
  if (!base.config.empty() && !head.config.empty())
    comparison.config_differences = compare_configs(base.config, head.config);

  const Table left = gather(base.samples);
  const Table right = gather(head.samples);
  const Diverged base_diverged = diverged_cases(base.samples);
  const Diverged head_diverged = diverged_cases(head.samples);
  const FailedCases base_failed = failed_cases(base.samples);
  const FailedCases head_failed = failed_cases(head.samples);
  std::map<Key, bool> seen;
  auto add_samples = [&](const std::vector<Sample>& samples) {
    for (const Sample& sample : samples) {
      const Key key{sample.workload, sample.arguments, sample.metric, sample.site};
      if (!is_compared(sample) || std::exchange(seen[key], true))
        continue;
      ComparisonRow row{.workload = key.workload,
                        .arguments = key.arguments,
                        .metric = find_metric(key.metric),
                        .site = key.site,
                        .base = side_of(left, key),
                        .head = side_of(right, key)};
      drop_diverged(row, base_diverged, head_diverged);
      drop_failed_cases(row, base_failed, head_failed);
      row.verdict = verdict_of(row);
      if (row.base.spread && row.head.spread) {
        row.change = relative_change(row.base.spread->median, row.head.spread->median);
        row.change_by_boot = change_by_boot(row.base, row.head);
      }
      comparison.rows.push_back(std::move(row));
    }
  };
  add_samples(base.samples);
  add_samples(head.samples);
  find_lost_boots(comparison.rows);
  decide_noisy_rows(comparison.rows);
  return comparison;
}

}  // namespace rmaplab
