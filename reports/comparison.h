// SPDX-License-Identifier: GPL-2.0-only
// Two runs side by side, each value decided by the rule of its metric's class.
// Pure: runs in, comparison out; the reports render it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "results/manifest.h"
#include "results/metric.h"
#include "results/run_dir.h"
#include "results/sample.h"
#include "stats/noisy.h"
#include "stats/spread.h"

namespace rmaplab
{

enum class Verdict {
  identical,  // every value equal
  unchanged,  // differs by less than its spread or its metric's floor
  better,
  worse,
  changed,    // of a metric that is neither better nor worse
  undecided,  // a noisy metric: neither a change nor its absence was shown
  skipped,    // not measured on one side or both
  failed,     // the workload failed on one side or both
};

std::string_view to_string(Verdict verdict);

struct Side {
  std::map<int, double> boots;  // by number of the boot: the median of its repetitions
  std::map<int, std::vector<double>> repetitions;  // likewise
  std::optional<Spread> spread;                    // over the boots
  std::string reason;                              // of the first skip or failure
  bool failed = false;
};

struct ComparisonRow {
  std::string workload;
  std::string arguments;
  const Metric* metric = nullptr;
  std::string site;  // kernel function whose part of the metric it is; "" the whole of it
  Side base;
  Side head;
  Verdict verdict = Verdict::skipped;
  std::optional<double> change;  // head / base - 1, of the medians
  // The same for each boot number that both sides have: its least and greatest.
  std::optional<Spread> change_by_boot;
  // Of a noisy metric: boots are its units. p adjusted for all noisy rows of the comparison
  // (Benjamini-Hochberg: a report explores).
  std::optional<NoisyEffect> effect;
  std::optional<double> adjusted_p;
};

struct Comparison {
  Manifest base;
  Manifest head;
  std::vector<ComparisonRow> rows;  // in the order of the base's samples
  std::vector<ManifestDifference> incomparable;
  // Config options that differ: "HZ: 250 -> 1000"; nothing when one is not known.
  std::optional<std::vector<std::string>> config_differences;
};

// Rows by kernel function are left out: reports/functions.h has those.
Comparison compare_runs(const Run& base, const Run& head);

// Pure. Options of two .config texts whose values differ, sorted by name; those
// that only say with what and how the kernel was built are left out.
std::vector<std::string> compare_configs(std::string_view base, std::string_view head);

}  // namespace rmaplab
