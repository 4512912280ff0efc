// SPDX-License-Identifier: GPL-2.0-only
#include "reports/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

#include "base/text.h"
#include "reports/functions.h"
#include "results/gaps.h"
#include "stats/multiplicity.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kMostBlamed = 3;

// The amount by which `head` is worse than `base`, in the metric's unit; negative: better.
double worse_by(Watch better, double base, double head)
{
  switch (better) {
    case Watch::lower:
      return head - base;
    case Watch::higher:
      return base - head;
    case Watch::both:
      break;
  }
  return std::abs(head - base);
}

double allowed(const Limit& limit, double base)
{
  return limit.relative ? limit.value * std::abs(base) : limit.value;
}

std::string limit_text(const Limit& limit)
{
  return limit.relative ? fmt::format("{:.4g} %", limit.value * 100)
                        : fmt::format("{:.6g}", limit.value);
}

// By how much `value` is worse than the range of a side has ever been.
double beyond(Watch better, const Spread& range, double value)
{
  double worst = 0;
  if (better != Watch::higher)
    worst = std::max(worst, value - range.max);
  if (better != Watch::lower)
    worst = std::max(worst, range.min - value);
  return worst;
}

// What the medians do not show: by how much one boot, of an exact metric one repetition, is worse
// than the other side has ever been, or than its twin. A boot without a twin counts too.
double worst_by(const GateRow& gate_row)
{
  const Watch better = gate_row.rule.better;
  const bool exact = gate_row.rule.kind == MetricClass::exact;
  const Side& base = gate_row.row.base;
  const Side& head = gate_row.row.head;
  std::vector<double> before;
  for (const auto& [boot, values] : base.repetitions)
    before.insert(before.end(), values.begin(), values.end());
  const auto range = spread_of(before);
  double worst = 0;
  for (const auto& [boot, values] : head.repetitions) {
    if (exact) {
      for (const double value : values)
        worst = std::max(worst, beyond(better, *range, value));
    } else if (const auto twin = base.boots.find(boot); twin != base.boots.end()) {
      worst = std::max(worst, worse_by(better, twin->second, head.boots.at(boot)));
    } else {
      worst = std::max(worst, beyond(better, *base.spread, head.boots.at(boot)));
    }
  }
  return worst;
}

// By how much a boot that one side alone has says that the head is worse: one of the head beyond
// all of the base, or one of the base beyond all of the head the other way.
double worse_without_twin(const GateRow& gate_row)
{
  const Watch better = gate_row.rule.better;
  const Side& base = gate_row.row.base;
  const Side& head = gate_row.row.head;
  double worst = 0;
  if (better != Watch::higher)
    worst = std::max(
        {worst, beyond_without_twin(head, base, true), beyond_without_twin(base, head, false)});
  if (better != Watch::lower)
    worst = std::max(
        {worst, beyond_without_twin(head, base, false), beyond_without_twin(base, head, true)});
  return worst;
}

// What one boot may be worse by where the medians are not: of a count of instructions, placement
// moves a boot.
double tolerated_in_a_boot(const GateRule& rule, double limit, double base)
{
  return rule.kind == MetricClass::exact ? limit : std::max(limit, rule.placement * std::abs(base));
}

// By the rule of reports, with the policy's limit as the floor.
void judge_counted(GateRow& gate_row)
{
  const GateRule& rule = gate_row.rule;
  const Twins twins = twins_of(gate_row.row.base, gate_row.row.head);
  if (twins.base.empty()) {
    gate_row.verdict = GateVerdict::inconclusive;
    gate_row.why = "no boot that both sides have";
    return;
  }
  const double base = spread_of(twins.base)->median;
  const double worse = worse_by(rule.better, base, spread_of(twins.head)->median);
  const double limit = allowed(rule.limit, base);
  const double floor = base != 0 ? limit / std::abs(base) : 0;
  const Change change = *change_of(gate_row.row, rule.kind, floor, rule.placement);
  if (change == Change::few) {
    gate_row.verdict = GateVerdict::inconclusive;
    gate_row.why = fmt::format(
        "with {} {} a side a difference up to {:.2g} % may be placement "
        "alone; take {} or more",
        twins.base.size(), twins.base.size() == 1 ? "boot" : "boots", rule.placement * 100,
        kLeastBoots);
  } else if (const double alone = worse_without_twin(gate_row);
             (change == Change::identical || worse <= limit) && alone > limit) {
    gate_row.verdict = GateVerdict::inconclusive;
    gate_row.why = fmt::format(
        "the boots that both sides have are not worse by more than {}, but a boot that one side "
        "alone has is, by {}",
        limit_text(rule.limit), number_text(alone));
  } else if (change == Change::identical || worse <= limit) {
    const double tolerated = tolerated_in_a_boot(rule, limit, base);
    const double worst = worst_by(gate_row);
    gate_row.verdict = worst > tolerated ? GateVerdict::inconclusive : GateVerdict::pass;
    if (worst > tolerated)
      gate_row.why = fmt::format(
          "the medians are not worse by more than {}, but one boot or "
          "repetition is, by {}",
          limit_text(rule.limit), number_text(worst));
  } else if (change == Change::overlap) {
    gate_row.verdict = GateVerdict::inconclusive;
    gate_row.overlaps = true;
    gate_row.why = fmt::format("worse by more than {}, but the ranges of the boots overlap",
                               limit_text(rule.limit));
  } else {
    gate_row.verdict = GateVerdict::fail;
    gate_row.why = fmt::format("worse by more than {}", limit_text(rule.limit));
  }
}

void judge_noisy(GateRow& gate_row, double level)
{
  const NoisyEffect& effect = *gate_row.effect;
  const Limit& allowance = gate_row.rule.limit;
  // An absolute limit is a share of the base, but of a base of 0.
  const NoisyVerdict verdict =
      !allowance.relative && effect.base.median == 0
          ? decide_noisy_shift(effect, *gate_row.adjusted_p, level, allowance.value)
          : decide_noisy(effect, *gate_row.adjusted_p, level,
                         allowance.relative ? allowance.value
                                            : allowance.value / std::abs(effect.base.median));
  switch (verdict) {
    case NoisyVerdict::too_few_boots:
      gate_row.verdict = GateVerdict::inconclusive;
      gate_row.why =
          fmt::format("{} against {} boots can reach p = {:.2g} at best, the level is {:g}",
                      effect.boots_base, effect.boots_head, effect.smallest_p, level);
      return;
    case NoisyVerdict::undecided:
      gate_row.verdict = GateVerdict::inconclusive;
      gate_row.why = fmt::format("neither a change beyond {} nor its absence was shown",
                                 limit_text(gate_row.rule.limit));
      return;
    case NoisyVerdict::unchanged:
      gate_row.verdict = GateVerdict::pass;
      return;
    case NoisyVerdict::lower:
    case NoisyVerdict::higher:
      break;
  }
  const bool higher = verdict == NoisyVerdict::higher;
  const bool worse =
      gate_row.rule.better == Watch::both || higher == (gate_row.rule.better == Watch::lower);
  gate_row.verdict = worse ? GateVerdict::fail : GateVerdict::pass;
  if (worse)
    gate_row.why = fmt::format("worse by more than {}, p = {:.2g}", limit_text(gate_row.rule.limit),
                               *gate_row.adjusted_p);
}

using Parts = std::vector<std::pair<double, std::string>>;  // change, and the line that tells it

// The largest changes first, whichever way; at most kMostBlamed.
std::vector<std::string> largest(Parts parts)
{
  std::stable_sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
    return std::abs(a.first) > std::abs(b.first);
  });
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < std::min(parts.size(), kMostBlamed); ++i)
    lines.push_back(parts[i].second);
  return lines;
}

double median_of(const Side& side)
{
  return side.spread ? side.spread->median : 0;
}

// Of which metrics a state that differs is a consequence, as globs: what was allocated and freed
// is where objects come from, what merged and moved is where VMAs do.
std::string_view causes_of(std::string_view metric)
{
  constexpr std::string_view kMerges =
      "moves_merged,moves_refused,moves_relocated,vmas_after,merge*,relocate*";
  if (metric.starts_with("alloc_") || metric.starts_with("free_"))
    return metric;  // its own call sites
  if (metric.ends_with("anon_vma_chain") || metric.starts_with("forest_avcs"))
    return "alloc_anon_vma_chain,free_anon_vma_chain";
  if (metric.ends_with("anon_vma") || metric.starts_with("forest_"))
    return "alloc_anon_vma,free_anon_vma";
  if (metric == "slab_bytes")
    return "alloc_*,slab_vm_area_struct,slab_anon_vma,slab_anon_vma_chain";
  if (metric.ends_with("vm_area_struct"))
    return "alloc_vm_area_struct,free_vm_area_struct,moves_merged,moves_refused,moves_relocated";
  return kMerges;
}

// Why a row of a state or a count came out otherwise, of the rows of its case: call sites that
// allocated or freed more or less, merges and moves with another end.
std::vector<std::string> blamed_rows(const ComparisonRow& failed,
                                     const std::vector<const ComparisonRow*>& rows_of_case)
{
  const std::string causes(causes_of(failed.metric->name));
  Parts sites;
  Parts wholes;
  for (const ComparisonRow* one : rows_of_case) {
    const ComparisonRow& row = *one;
    const double base = median_of(row.base);
    const double head = median_of(row.head);
    if (base == head)
      continue;
    if (row.metric == failed.metric ? row.site.empty()
                                    : !glob_match(causes, std::string(row.metric->name)))
      continue;
    if (row.site.empty())
      wholes.emplace_back(head - base, fmt::format("{}: {} -> {}", row.metric->name,
                                                   number_text(base), number_text(head)));
    else if (row.metric == failed.metric)
      sites.emplace_back(head - base,
                         fmt::format("{}: {:+.6g} {}", row.site, head - base, row.metric->unit));
    else
      sites.emplace_back(head - base, fmt::format("{} in {}: {:+.6g} {}", row.metric->name,
                                                  row.site, head - base, row.metric->unit));
  }
  std::vector<std::string> blamed = largest(std::move(sites));
  for (const auto& line : largest(std::move(wholes)))
    blamed.push_back(line);
  return blamed;
}

using RowsByCase = std::unordered_map<CaseName, std::vector<const ComparisonRow*>>;
RowsByCase rows_by_case(const std::vector<ComparisonRow>& rows)
{
  RowsByCase by_case;
  for (const ComparisonRow& row : rows)
    by_case[{row.workload, row.arguments}].push_back(&row);
  return by_case;
}

bool counts_instructions(const ComparisonRow& row)
{
  return row.metric->kind == MetricClass::deterministic;
}

GateVerdict overall(const Gate& gate)
{
  const auto failed_gap = [](const GateGap& one) { return one.gap.failed; };
  if (gate.count(GateVerdict::fail) > 0 ||
      std::any_of(gate.gaps.begin(), gate.gaps.end(), failed_gap))
    return GateVerdict::fail;
  if (gate.count(GateVerdict::inconclusive) > 0 || !gate.gaps.empty())
    return GateVerdict::inconclusive;
  return gate.count(GateVerdict::pass) > 0 ? GateVerdict::pass : GateVerdict::skip;
}

void conclude(Gate& gate)
{
  gate.verdict = overall(gate);
  gate.head_failed = false;
  for (const GateGap& one : gate.gaps)
    gate.head_failed = gate.head_failed || (one.gap.failed && one.side == "head");
  for (const GateRow& row : gate.rows)
    gate.head_failed = gate.head_failed || row.verdict == GateVerdict::fail;
}

// What can be said of a row before its figures are looked at: it failed, or one side alone has
// it. Nothing where there are two sides to compare.
bool is_judged_by_presence(GateRow& gate_row)
{
  const Side& base = gate_row.row.base;
  const Side& head = gate_row.row.head;
  auto say = [&](GateVerdict verdict, const std::string& why) {
    gate_row.verdict = verdict;
    gate_row.why = why;
    return true;
  };
  if (head.failed)
    return say(GateVerdict::fail, "the workload failed on the head: " + head.reason);
  if (base.failed)
    return say(GateVerdict::inconclusive,
               "the workload failed on the base, there is nothing to compare with: " + base.reason);
  if (base.diverged || head.diverged)
    return say(GateVerdict::inconclusive,
               fmt::format("the replay did not do the recorded work, nothing is compared: {}",
                           base.diverged && head.diverged ? base.reason + "; " + head.reason
                           : base.diverged                ? base.reason
                                                          : head.reason));
  if (base.case_failed || head.case_failed)  // the row that failed decides
    return say(GateVerdict::skip, fmt::format("{}: {}", base.case_failed ? "base" : "head",
                                              base.case_failed ? base.reason : head.reason));
  if (base.spread && head.spread)
    return !gate_row.row.lost.empty() && say(GateVerdict::inconclusive, gate_row.row.lost);
  if (base.spread)
    return say(GateVerdict::inconclusive, "measured on the base alone; head: " + head.reason);
  if (head.spread)
    return say(GateVerdict::inconclusive, "measured on the head alone; base: " + base.reason);
  for (const Side* side : {&base, &head})
    if (tells_of_loss(side->reason))
      return say(GateVerdict::inconclusive, "measured and lost: " + side->reason);
  return say(GateVerdict::skip, head.missing ? base.reason : head.reason);
}

// The parts of a metric (call sites, locks) come and go with the kernel: only their whole is
// judged. A failure counts wherever it stands.
bool is_looked_at(const ComparisonRow& row, const GateRule& rule)
{
  if (row.base.failed || row.head.failed)
    return true;
  if (!row.site.empty() || rule.ignored)
    return false;
  if (row.base.case_failed || row.head.case_failed)
    return rule.gated;
  return rule.gated || !row.lost.empty() ||
         row.base.spread.has_value() != row.head.spread.has_value();
}

}  // namespace

std::string_view to_string(GateVerdict verdict)
{
  switch (verdict) {
    case GateVerdict::pass:
      return "PASS";
    case GateVerdict::fail:
      return "FAIL";
    case GateVerdict::inconclusive:
      return "INCONCLUSIVE";
    case GateVerdict::skip:
      return "SKIP";
  }
  return "?";
}

std::size_t Gate::count(GateVerdict wanted) const
{
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const GateRow& row) { return row.verdict == wanted; }));
}

Gate judge(const Comparison& comparison, const Policy& policy)
{
  Gate gate;
  for (const Gap& gap : comparison.base_gaps)
    gate.gaps.push_back({.side = "base", .gap = gap});
  for (const Gap& gap : comparison.head_gaps)
    gate.gaps.push_back({.side = "head", .gap = gap});
  std::vector<double> p;
  std::vector<PolicyTarget> targets;
  for (const ComparisonRow& row : comparison.rows) {
    targets.push_back({.metric = std::string(row.metric->name),
                       .workload = row.workload,
                       .arguments = row.arguments});
    const GateRule rule = policy.rule_for(*row.metric, row.workload, row.arguments);
    if (!is_looked_at(row, rule))
      continue;
    GateRow gate_row{.row = row, .rule = rule};
    if (!is_judged_by_presence(gate_row)) {
      if (rule.kind == MetricClass::noisy) {
        gate_row.effect = row.effect ? row.effect
                                     : noisy_effect(boots_of(row.base), boots_of(row.head),
                                                    1 - std::min(policy.level(), kLevelOfNoChange));
        if (gate_row.effect) {
          p.push_back(gate_row.effect->p);
        } else {
          gate_row.verdict = GateVerdict::inconclusive;
          gate_row.why = "values that no rank test can be made of";
        }
      } else {
        judge_counted(gate_row);
      }
    }
    gate.rows.push_back(std::move(gate_row));
  }
  const auto adjusted = holm(p);
  const RowsByCase by_case = rows_by_case(comparison.rows);
  std::size_t next = 0;
  for (GateRow& row : gate.rows) {
    if (row.effect) {
      row.adjusted_p = adjusted[next++];
      judge_noisy(row, policy.level());
    }
    if (row.verdict == GateVerdict::fail && !row.row.head.failed && !counts_instructions(row.row))
      row.blamed = blamed_rows(row.row, by_case.at({row.row.workload, row.row.arguments}));
  }
  gate.notes = shortcomings(comparison);
  if (const auto& differences = comparison.config_differences; differences && !differences->empty())
    gate.notes.push_back(fmt::format(
        "the configurations differ in {} {}: {}{}", differences->size(),
        differences->size() == 1 ? "option" : "options",
        fmt::join(differences->begin(),
                  differences->begin() +
                      static_cast<std::ptrdiff_t>(std::min<std::size_t>(differences->size(), 4)),
                  ", "),
        differences->size() > 4 ? ", ... (`rmaplab compare` has all)" : ""));
  if (const std::string id = manifest_value(comparison.base, "kernel.build_id");
      !id.empty() && id == manifest_value(comparison.head, "kernel.build_id"))
    gate.notes.push_back("base and head are the same kernel, build id " + id.substr(0, 12));
  for (auto& note : policy.unused(targets))
    gate.notes.push_back(std::move(note));
  conclude(gate);
  return gate;
}

namespace
{

constexpr std::string_view kAllFunctions = "*";

// By how much the functions of the policy's allowances cost more, as far as these go. All functions
// together are what the case costs more (`worse`): counted by function it is of one boot a side. A
// function is forgiven once, by the first allowance that names it.
double forgiven(const std::vector<Allowance>& allowances,
                const std::vector<FunctionChange>& changes, double base, double worse)
{
  double sum = 0;
  double whole = 0;
  std::set<std::string> named;
  for (const Allowance& allowance : allowances) {
    if (allowance.functions == kAllFunctions) {
      whole = std::max(whole, allowed(allowance.limit, base));
      continue;
    }
    double change = 0;
    for (const FunctionChange& one : changes)
      if (glob_match(allowance.functions, one.function) && named.insert(one.function).second)
        change += one.change();
    sum += std::clamp(change, 0.0, allowed(allowance.limit, base));
  }
  return sum + std::clamp(worse - sum, 0.0, whole);
}

// Of both runs, each once.
std::vector<std::string> functions_counted(const Run& base, const Run& head)
{
  std::set<SharedText> symbols;
  for (const Run* run : {&base, &head})
    for (const Sample& sample : run->samples)
      if (sample.value && is_function_metric(sample.metric))
        symbols.insert(sample.site);
  std::set<std::string> names;
  for (const SharedText& symbol : symbols)
    names.emplace(source_function(symbol));
  return {names.begin(), names.end()};
}

}  // namespace

void weigh_functions(Gate& gate, const Policy& policy, const Run& base, const Run& head)
{
  for (auto& note : policy.unused_functions(functions_counted(base, head)))
    gate.notes.push_back(std::move(note));
  const auto lost = functions_lost(base, head);
  const FunctionRows functions(base, head);
  for (GateRow& row : gate.rows) {
    const bool failed = row.verdict == GateVerdict::fail && !row.row.head.failed;
    if (!(failed || row.overlaps) || !counts_instructions(row.row))
      continue;
    const std::string& workload = row.row.workload;
    const auto changes = functions.changes({.workload = workload, .arguments = row.row.arguments});
    Parts parts;
    for (const FunctionChange& one : changes)
      if (one.change() != 0)
        parts.emplace_back(one.change(),
                           fmt::format("{}: {:+.6g} instructions/op", one.function, one.change()));
    if (failed)
      row.blamed = largest(std::move(parts));
    const auto allowances = policy.allowances_for(workload, row.row.arguments);
    if (allowances.empty())
      continue;
    const bool by_function = std::ranges::any_of(allowances, [](const Allowance& allowance) {
      return allowance.functions != kAllFunctions;
    });
    if (changes.empty() && by_function) {
      row.why += "; its allowance needs the functions of both runs (--functions)";
      continue;
    }
    if (const auto one = lost.find({workload, row.row.arguments});
        by_function && one != lost.end()) {
      row.why += "; its allowance does not count: " + one->second;
      continue;
    }
    const double before = median_of(row.row.base);
    const double worse = worse_by(row.rule.better, before, median_of(row.row.head));
    const double pardon = forgiven(allowances, changes, before, worse);
    if (worse - pardon > allowed(row.rule.limit, before))
      continue;
    // It covers what all boots have, not what one of them has.
    const double worst = std::max(worst_by(row), worse_without_twin(row)) - pardon;
    if (worst > tolerated_in_a_boot(row.rule, allowed(row.rule.limit, before), before)) {
      row.verdict = GateVerdict::inconclusive;
      row.why = fmt::format("an allowance covers {} of {}, but one boot is worse by {} beyond it",
                            number_text(pardon), number_text(worse), number_text(worst));
      continue;
    }
    row.verdict = GateVerdict::pass;
    row.why = fmt::format("worse by {}, of which an allowance covers {}", number_text(worse),
                          number_text(pardon));
  }
  conclude(gate);
}

}  // namespace rmaplab
