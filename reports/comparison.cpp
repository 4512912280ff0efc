// SPDX-License-Identifier: GPL-2.0-only
#include "reports/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
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

Table gather(const std::vector<Sample>& samples)
{
  Table table;
  for (const Sample& sample : samples) {
    if (is_function_metric(sample.metric))
      continue;
    Gathered& cell = table[{sample.workload, sample.arguments, sample.metric, sample.site}];
    if (sample.value)
      cell.by_boot[sample.boot].push_back(*sample.value);
    else if (cell.reason.empty())
      cell.reason = sample.reason;
    cell.failed = cell.failed || sample.status == SampleStatus::fail;
  }
  return table;
}

Side side_of(const Table& table, const Key& key)
{
  Side side;
  const auto found = table.find(key);
  if (found == table.end()) {
    side.reason = "not in this run";
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

// The values of the boots that both sides have, in the same order: boot n starts alike
// on both, so a boot that one side lost must not shift the others.
struct Twins {
  std::vector<double> base;
  std::vector<double> head;
};
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
  const Twins twins = twins_of(row.base, row.head);
  if (twins.base.empty())
    return Verdict::skipped;
  if (row.metric->kind == MetricClass::noisy)
    return Verdict::undecided;
  const Change change = row.metric->kind == MetricClass::exact
                            ? decide_exact(twins.base, twins.head)
                            : decide_deterministic(twins.base, twins.head, row.metric->floor);
  switch (change) {
    case Change::identical:
      return Verdict::identical;
    case Change::within:
      return Verdict::unchanged;
    case Change::lower:
    case Change::higher:
      break;
  }
  return in_direction(*row.metric, change == Change::lower);
}

constexpr double kLevel = 0.05;  // of the false ones among noisy rows that are called changed

Boots boots_of(const Side& side)
{
  Boots boots;
  for (const auto& [number, values] : side.repetitions)
    boots.push_back(values);
  return boots;
}

// Noisy rows need each other's p-values.
void decide_noisy_rows(std::vector<ComparisonRow>& rows)
{
  std::vector<ComparisonRow*> noisy;
  std::vector<double> p;
  for (ComparisonRow& row : rows)
    if (row.verdict == Verdict::undecided)
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

}  // namespace

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
  if (!base.config.empty() && !head.config.empty())
    comparison.config_differences = compare_configs(base.config, head.config);

  const Table left = gather(base.samples);
  const Table right = gather(head.samples);
  std::map<Key, bool> seen;
  auto add_rows = [&](const std::vector<Sample>& samples) {
    for (const Sample& sample : samples) {
      const Key key{sample.workload, sample.arguments, sample.metric, sample.site};
      if (is_function_metric(sample.metric) || std::exchange(seen[key], true))
        continue;
      ComparisonRow row{.workload = key.workload,
                        .arguments = key.arguments,
                        .metric = find_metric(key.metric),
                        .site = key.site,
                        .base = side_of(left, key),
                        .head = side_of(right, key)};
      row.verdict = verdict_of(row);
      if (row.base.spread && row.head.spread) {
        row.change = relative_change(row.base.spread->median, row.head.spread->median);
        row.change_by_boot = change_by_boot(row.base, row.head);
      }
      comparison.rows.push_back(std::move(row));
    }
  };
  add_rows(base.samples);
  add_rows(head.samples);
  decide_noisy_rows(comparison.rows);
  return comparison;
}

}  // namespace rmaplab
