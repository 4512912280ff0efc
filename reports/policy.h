// SPDX-License-Identifier: GPL-2.0-only
// What a gate lets pass: a small text, a rule a line, the last that fits counts.
// docs/gate.md describes it.
//
//   # what            metrics        cases             value
//   level             0.01
//   limit             instructions   *                 0.5%
//   limit             vmas           fork_*            2
//   limit             instructions   fork_flat:vmas=0  2%
//   direction         moves_merged   *                 both
//   rule              slab_*         *                 deterministic
//   ignore            process_vmas   *
//   placement         instructions   *                 0.3%
//   #                 functions      cases             value
//   allow             vma_*,dup_mm   fork_*            0.5%
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "results/metric.h"

namespace rmaplab
{

// How much worse is still good.
struct Limit {
  double value = 0;
  bool relative = true;  // 0.005 is 0.5 %; else in the metric's unit
  bool operator==(const Limit&) const = default;
};

enum class Watch { lower, higher, both };  // which direction is good; both: neither is

// By how much kernel functions together may cost more without counting as worse: a refactor that
// moves code. Needs rows by function (--functions).
struct Allowance {
  std::string functions;  // globs
  std::string cases;
  Limit limit;  // relative: of the base's instructions of the case
};

// A row that a policy may speak of.
struct PolicyTarget {
  std::string metric;
  std::string workload;
  std::string arguments;
};

// What the gate does with one metric of one case.
struct GateRule {
  bool gated = false;
  bool ignored = false;  // by a line of the policy
  Limit limit;
  Watch better = Watch::lower;
  MetricClass kind = MetricClass::exact;
  double placement = 0;  // Metric::placement
};

class Policy
{
 public:
  // Without rules: the headline metrics of the registry that have a direction, each with its
  // class, its direction and its floor as the limit; noisy metrics at the level of 5 %. The
  // empty operation is the harness's, not the kernel's: never judged.
  Policy() = default;
  // `name` is what an error calls the text: "NAME:LINE: what was expected". A metric that no
  // registered one fits, a text without a rule and two lines that say different things of the
  // same metrics and cases are errors; a case that is in no run is not: unused() names it.
  static Result<Policy> parse(const std::string& name, std::string_view text);

  double level() const { return level_; }  // accepted chance of any false alarm
  GateRule rule_for(const Metric& metric, const std::string& workload,
                    const std::string& arguments) const;
  // Those for a case, in the order of the text.
  std::vector<Allowance> allowances_for(const std::string& workload,
                                        const std::string& arguments) const;
  // "NAME:LINE: no case of these runs is fork_falt:*": a line for each element of a list that fits
  // none of the rows.
  std::vector<std::string> unused(const std::vector<PolicyTarget>& targets) const;
  // The same of the functions of allowances; nothing where none are known.
  std::vector<std::string> unused_functions(const std::vector<std::string>& functions) const;

 private:
  struct Line {
    std::string where;  // "NAME:LINE"
    std::string verb;
    std::string metrics;
    std::string cases;
    std::optional<bool> gated;
    std::optional<Limit> limit;
    std::optional<Watch> better;
    std::optional<MetricClass> kind;
    std::optional<double> placement;
    std::optional<Limit> allowed;  // of functions: `metrics` are theirs
  };
  static Result<Line> parse_line(const std::string& where,
                                 const std::vector<std::string_view>& words);
  static std::optional<std::string> contradiction(const std::vector<Line>& lines, const Line& line);
  double level_ = 0.05;
  std::vector<Line> lines_;
};

}  // namespace rmaplab
