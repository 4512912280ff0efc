// SPDX-License-Identifier: GPL-2.0-only
// The one table of everything rmaplab can measure. Probes name their values by
// it, statistics and reports take unit, direction, class and floor from it.
#pragma once

#include <span>
#include <string_view>

namespace rmaplab
{

enum class MetricClass {
  exact,          // equal or not: one run decides
  deterministic,  // bit-identical for one kernel and replica number
  noisy,          // boots are the unit of replication
};

enum class Direction { lower, higher, neutral };

struct Metric {
  std::string_view name;  // key in samples.csv, never renamed
  std::string_view unit;
  Direction better = Direction::lower;
  MetricClass kind = MetricClass::noisy;
  double floor = 0;  // relative change below which nobody is told; 0.01 is 1 %
  // Of a deterministic one: the relative difference that placement alone (the layout of a kernel's
  // text, what ran before) has been seen to make within one boot.
  double placement = 0;
  // Decides: shown row by row, and judged by a gate where it has a direction. Else only in CSV
  // and in the summary lines: what is a part of another metric, or of the harness itself.
  bool headline = true;
  bool outcome = false;     // told by the workload itself (Meter::outcome)
  bool difference = false;  // of two readings, or from a limit: may be negative
  bool exact_lab = false;   // by chance elsewhere, where its rows are skips
  std::string_view source;
  std::string_view summary;
};

// Calls of a replay that did not return what was recorded; its site names the first of them.
inline constexpr std::string_view kReplayDiverged = "replay_diverged";

std::span<const Metric> all_metrics();
const Metric* find_metric(std::string_view name);  // null: no such metric
std::string_view to_string(MetricClass kind);
std::string_view to_string(Direction better);

}  // namespace rmaplab
