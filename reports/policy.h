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
};

enum class Watch { lower, higher, both };  // which direction is good; both: neither is

// What the gate does with one metric of one case.
struct GateRule {
  bool gated = false;
  Limit limit;
  Watch better = Watch::lower;
  MetricClass kind = MetricClass::exact;
};

class Policy
{
 public:
  // Without rules: the headline metrics of the registry that have a direction, each with its
  // class, its direction and its floor as the limit; noisy metrics at the level of 5 %.
  Policy() = default;
  // `name` is what an error calls the text: "NAME:LINE: what was expected". A metric that no
  // registered one fits is an error, a case that is in no run is not.
  static Result<Policy> parse(const std::string& name, std::string_view text);

  double level() const { return level_; }  // accepted chance of any false alarm
  GateRule rule_for(const Metric& metric, const std::string& workload,
                    const std::string& arguments) const;

 private:
  struct Line {
    std::string metrics;
    std::string cases;
    std::optional<bool> gated;
    std::optional<Limit> limit;
    std::optional<Watch> better;
    std::optional<MetricClass> kind;
  };
  static Result<Line> parse_line(const std::string& where,
                                 const std::vector<std::string_view>& words);
  double level_ = 0.05;
  std::vector<Line> lines_;
};

}  // namespace rmaplab
