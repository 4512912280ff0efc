// SPDX-License-Identifier: GPL-2.0-only
#include "reports/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/text.h"
#include "reports/functions.h"
#include "results/manifest_keys.h"
#include "stats/multiplicity.h"

namespace rmaplab
{

namespace
{

struct Key {
  CaseName of;
  SharedText metric;
  SharedText site;
  bool operator==(const Key&) const = default;
};
Key key_of(const Sample& sample)
{
  return {.of = case_of(sample), .metric = sample.metric, .site = sample.site};
}
struct KeyHash {
  std::size_t operator()(const Key& key) const { return hash_of(key.of, key.metric, key.site); }
};

struct Gathered {
  std::map<int, std::vector<double>> by_boot;
  std::map<int, SharedText> without;  // boots with a row that has no value, and why
  SharedText pass;
  SharedText reason;
  bool failed = false;
};

// All of one run.
struct Table {
  std::unordered_map<Key, Gathered, KeyHash> cells;
  std::unordered_map<CaseName, std::set<std::pair<int, SharedText>>> ran;  // boots and passes
  std::set<int> units;     // boots as they count: by replica in the exact lab
  std::set<int> boots;     // by their numbers
  std::set<int> replicas;  // where these are what counts
};

bool is_compared(const Sample& sample)
{
  return !is_function_metric(sample.metric) || sample.status == SampleStatus::fail;
}

Table gather(const Run& run)
{
  const bool exact = manifest_value(run.manifest, "mode") == "exact";
  Table table;
  for (const Sample& sample : run.samples) {
    const bool by_replica = exact && sample.replica > 0;
    const int boot = by_replica ? sample.replica : sample.boot;
    table.boots.insert(sample.boot);
    table.units.insert(boot);
    if (by_replica)
      table.replicas.insert(sample.replica);
    if (!is_compared(sample))
      continue;
    table.ran[case_of(sample)].emplace(boot, sample.pass);
    Gathered& cell = table.cells[key_of(sample)];
    const bool failed = sample.status == SampleStatus::fail;
    cell.pass = sample.pass;
    if (sample.value)
      cell.by_boot[boot].push_back(*sample.value);
    else
      cell.without.emplace(boot, sample.reason);
    if (cell.reason.empty() || (failed && !cell.failed))
      cell.reason = sample.reason;
    cell.failed = cell.failed || failed;
  }
  return table;
}

// A replay that diverged in one boot diverged.
void diverge_in_all(std::map<int, std::vector<double>>& repetitions)
{
  double most = 0;
  for (const auto& [boot, values] : repetitions)
    most = std::max(most, spread_of(values)->max);
  for (auto& [boot, values] : repetitions)
    values.assign(values.size(), most);
}

// Takes the values out of the table: each cell is asked for once.
Side side_of(Table& table, const Key& key)
{
  Side side;
  const auto found = table.cells.find(key);
  if (found == table.cells.end()) {
    side.reason = "not in this run";
    side.missing = true;
    return side;
  }
  side.repetitions = std::move(found->second.by_boot);
  if (key.metric == kReplayDiverged)
    diverge_in_all(side.repetitions);
  std::vector<double> all;
  for (const auto& [boot, values] : side.repetitions) {
    side.boots[boot] = spread_of(values)->median;
    all.push_back(side.boots[boot]);
  }
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

// Whether a boot without a twin contradicts twins that are alike.
bool is_alone_otherwise(const ComparisonRow& row)
{
  const double little = row.metric->kind == MetricClass::exact
                            ? 0
                            : row.metric->floor * std::abs(row.base.spread->median);
  for (const auto& [side, other] : {std::pair{&row.base, &row.head}, {&row.head, &row.base}})
    for (const bool above : {false, true})
      if (beyond_without_twin(*side, *other, above) > little)
        return true;
  return false;
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
    case Change::within:
      if (is_alone_otherwise(row))
        return Verdict::undecided;
      return *change == Change::identical ? Verdict::identical : Verdict::unchanged;
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
using Diverged = std::unordered_map<CaseName, Divergence>;
Diverged diverged_cases(const std::vector<Sample>& samples)
{
  Diverged diverged;
  for (const Sample& sample : samples) {
    if (sample.metric != kReplayDiverged || !sample.value || *sample.value == 0)
      continue;
    Divergence& one = diverged[case_of(sample)];
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
                                       name, number_text(calls), first.empty() ? "" : ", ", first),
                 .diverged = true};
  }
}

// What one side lacks of a row that it has: a boot that has a row without a value, a boot that ran
// the case and has no row, repetitions. Nothing where it lacks nothing.
std::string lost_on(const ComparisonRow& row, const Side& side, const Table& table,
                    const char* name)
{
  const auto found = table.cells.find(
      {.of = {row.workload, row.arguments}, .metric = row.metric->name, .site = row.site});
  if (found == table.cells.end())
    return {};
  for (const auto& [boot, why] : found->second.without)
    if (!side.boots.contains(boot))
      return fmt::format("boot {} has no value on the {}{}{}", boot, name, why.empty() ? "" : ": ",
                         why);
  for (const auto& [boot, pass] : table.ran.at({row.workload, row.arguments}))
    if (pass == found->second.pass && !side.boots.contains(boot))
      return fmt::format("boot {} has no value on the {}", boot, name);
  std::size_t most = 0;
  for (const auto& [boot, values] : side.repetitions)
    most = std::max(most, values.size());
  for (const auto& [boot, values] : side.repetitions)
    if (values.size() < most)
      return fmt::format("boot {} has {} of {} repetitions on the {}", boot, values.size(), most,
                         name);
  return {};
}

std::size_t most_repetitions(const Side& side)
{
  std::size_t most = 0;
  for (const auto& [boot, values] : side.repetitions)
    most = std::max(most, values.size());
  return most;
}

// Of rows that both sides have. A boot that a side never had is its plan's matter.
void find_lost(ComparisonRow& row, const Table& base, const Table& head)
{
  if (!row.base.spread || !row.head.spread || !row.site.empty())
    return;
  row.lost = lost_on(row, row.base, base, "base");
  if (row.lost.empty())
    row.lost = lost_on(row, row.head, head, "head");
  if (row.metric->kind != MetricClass::noisy)
    for (const auto& [has, lacks, table, name] :
         {std::tuple{&row.base, &row.head, &head, "head"}, {&row.head, &row.base, &base, "base"}})
      for (const auto& [boot, value] : has->boots)
        if (row.lost.empty() && table->units.contains(boot) && !lacks->boots.contains(boot))
          row.lost = fmt::format("boot {} has no value on the {}", boot, name);
  const std::size_t of_base = most_repetitions(row.base);
  const std::size_t of_head = most_repetitions(row.head);
  if (row.lost.empty() && of_base != of_head)
    row.lost = fmt::format("the base has {} repetitions a boot, the head {}", of_base, of_head);
}

// Keys that two runs of the exact lab must agree on and neither has, joined with ", ".
std::string unknown_on_both(const Manifest& base, const Manifest& head)
{
  std::string unknown;
  if (manifest_value(base, "mode") != "exact")
    return unknown;
  for (const auto& row : manifest_keys())
    if (row.agreement == Agreement::required)
      for (const auto glob : split(row.keys, ',')) {
        const std::string key(glob);
        if (key.find('*') == std::string::npos && !base.contains(key) && !head.contains(key))
          unknown += (unknown.empty() ? "" : ", ") + key;
      }
  return unknown;
}

// "boots 1, 2": at most four of them.
std::string named_boots(const std::vector<int>& boots)
{
  constexpr std::size_t kNamed = 4;
  std::string text = boots.size() == 1 ? "boot" : "boots";
  for (std::size_t i = 0; i < std::min(boots.size(), kNamed); ++i)
    text += fmt::format("{}{}", i == 0 ? " " : ", ", boots[i]);
  return text + (boots.size() > kNamed ? ", ..." : "");
}

// A boot's number is read again, a replica's is a start that is the same each time.
void add_notes(Comparison& comparison, const Table& base, const Table& head)
{
  for (const auto& [table, name] : {std::pair{&base, "base"}, {&head, "head"}})
    if (!table->replicas.empty() && table->replicas.size() < table->boots.size())
      comparison.notes.push_back(fmt::format(
          "{}: {} boots are of {} replica{}: equal starts count once", name, table->boots.size(),
          table->replicas.size(), table->replicas.size() == 1 ? "" : "s"));
  if (base.boots.size() < head.boots.size())  // fewer are a gap
    comparison.notes.push_back(fmt::format("the base has {} boot{}, the head {}", base.boots.size(),
                                           base.boots.size() == 1 ? "" : "s", head.boots.size()));
  for (const auto& [manifest, name] :
       {std::pair{&comparison.base, "base"}, {&comparison.head, "head"}}) {
    if (const std::string log = manifest_value(*manifest, "kernel_log.boot"); !log.empty())
      comparison.notes.push_back(
          fmt::format("{}: its kernel complained while it booted: {}", name, log));
    if (const std::string text = manifest_value(*manifest, "kernel.config_otherwise");
        !text.empty())
      comparison.notes.push_back(fmt::format("{}: its configuration is {}", name, text));
  }
  if (const std::string unknown = unknown_on_both(comparison.base, comparison.head);
      !unknown.empty())
    comparison.notes.push_back(
        fmt::format("whether the runs agree is not known, neither says its {}", unknown));
  for (const auto& difference : circumstances(comparison.base, comparison.head))
    comparison.notes.push_back(fmt::format("the machine was set otherwise: {}: {} -> {}",
                                           difference.key, difference.base, difference.head));
  for (const auto& difference : comparison.incomparable)
    comparison.notes.push_back(fmt::format("runs differ in {}: {} -> {}", difference.key,
                                           difference.base, difference.head));
  constexpr const char* kLog = "probe.kernel_log";
  const auto reads = [](const Manifest& manifest) {
    return manifest_value(manifest, kLog).starts_with("works");
  };
  if (reads(comparison.base) != reads(comparison.head))
    comparison.notes.push_back(fmt::format(
        "the kernel's log was read on the {} alone: complaints on the other are not known",
        reads(comparison.base) ? "base" : "head"));
}

// The cases of one side that failed.
using FailedCases = std::unordered_set<CaseName>;
FailedCases failed_cases(const std::vector<Sample>& samples)
{
  FailedCases failed;
  for (const Sample& sample : samples)
    if (sample.status == SampleStatus::fail)
      failed.insert(case_of(sample));
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

Twins repetitions_of(const Side& base, const Side& head)
{
  Twins twins;
  for (const auto& [boot, values] : base.repetitions)
    if (const auto twin = head.repetitions.find(boot); twin != head.repetitions.end()) {
      twins.base.insert(twins.base.end(), values.begin(), values.end());
      twins.head.insert(twins.head.end(), twin->second.begin(), twin->second.end());
    }
  return twins;
}

double beyond_without_twin(const Side& side, const Side& other, bool above)
{
  double most = 0;
  if (other.repetitions.empty())
    return most;
  std::vector<double> all;
  for (const auto& [boot, values] : other.repetitions)
    all.insert(all.end(), values.begin(), values.end());
  const Spread range = *spread_of(all);
  for (const auto& [boot, value] : side.boots)
    if (!other.boots.contains(boot))
      most = std::max(most, above ? value - range.max : range.min - value);
  return most;
}

std::optional<Change> change_of(const ComparisonRow& row, MetricClass kind, double floor,
                                double placement)
{
  const Twins twins = twins_of(row.base, row.head);
  if (twins.base.empty())
    return std::nullopt;
  if (kind == MetricClass::deterministic)
    return decide_deterministic(twins.base, twins.head, floor, placement);
  const Twins every = repetitions_of(row.base, row.head);
  return decide_exact(every.base, every.head);
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
  add_rows(lines, comparison, "with a boot or repetitions that have no value",
           [&](const ComparisonRow& row) { return whole(row) && !row.lost.empty(); });
  add_rows(lines, comparison, "of replays that diverged, not compared",
           [&](const ComparisonRow& row) {
             return whole(row) && row.base.diverged && row.head.diverged;
           });
  lines.insert(lines.end(), comparison.notes.begin(), comparison.notes.end());
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

  Table left = gather(base);
  Table right = gather(head);
  const Diverged base_diverged = diverged_cases(base.samples);
  const Diverged head_diverged = diverged_cases(head.samples);
  const FailedCases base_failed = failed_cases(base.samples);
  const FailedCases head_failed = failed_cases(head.samples);
  std::unordered_set<Key, KeyHash> seen;
  auto add_samples = [&](const std::vector<Sample>& samples) {
    for (const Sample& sample : samples) {
      const Key key = key_of(sample);
      if (!is_compared(sample) || !seen.insert(key).second)
        continue;
      ComparisonRow row{.workload = key.of.workload,
                        .arguments = key.of.arguments,
                        .metric = find_metric(key.metric),
                        .site = key.site,
                        .base = side_of(left, key),
                        .head = side_of(right, key)};
      drop_diverged(row, base_diverged, head_diverged);
      drop_failed_cases(row, base_failed, head_failed);
      find_lost(row, left, right);
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
  for (const auto& [run, name] : {std::pair{&base, "base"}, {&head, "head"}})
    for (const auto& note : run->notes)
      comparison.notes.push_back(fmt::format("{}: {}", name, note));
  add_notes(comparison, left, right);
  // A boot is to a run what a row is to a case.
  std::vector<int> without_twin;
  std::ranges::set_difference(left.units, right.units, std::back_inserter(without_twin));
  if (!right.units.empty() && right.units.size() < left.units.size())
    comparison.head_gaps.push_back(
        {.failed = false,
         .text = fmt::format("{} of the base's {} boots: measure as many", right.units.size(),
                             left.units.size())});
  else if (!right.units.empty() && !without_twin.empty())
    comparison.head_gaps.push_back(
        {.failed = false,
         .text =
             fmt::format("{} of the base {} no twin: measure the same replicas",
                         named_boots(without_twin), without_twin.size() == 1 ? "has" : "have")});
  decide_noisy_rows(comparison.rows);
  return comparison;
}

}  // namespace rmaplab
