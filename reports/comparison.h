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
  undecided,  // neither a change nor its absence was shown: boots overlap or are too few
  skipped,    // not measured on one side or both
  failed,     // the workload failed on one side or both
};

std::string_view to_string(Verdict verdict);

struct Side {
  // By number of the boot: the median of its repetitions. In the exact lab by the replica, for two
  // boots of one are one start, measured again.
  std::map<int, double> boots;
  std::map<int, std::vector<double>> repetitions;  // likewise
  std::optional<Spread> spread;                    // over the boots
  std::string reason;                              // of the first failure, else of the first skip
  bool failed = false;
  bool missing = false;  // no row of it at all
  // Another row of its case failed on this side: what was measured beside a fault is not compared.
  bool case_failed = false;
  // Its replay did not do the work that was recorded: no figures.
  bool diverged = false;
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
  // What a side lacks of what was to be measured: "boot 2 has no value on the head", "boot 3 has
  // 1 of 5 repetitions on the base". Empty: nothing was lost.
  std::string lost;
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
  // What each side lacks of its plan (results/gaps.h).
  std::vector<Gap> base_gaps;
  std::vector<Gap> head_gaps;
  bool base_checked = true;  // Run::checked
  bool head_checked = true;
  // Config options that differ: "HZ: 250 -> 1000"; nothing when one is not known.
  std::optional<std::vector<std::string>> config_differences;
  // What else a reader must know before any figure, a line each: boots that count once or on one
  // side only, a kernel log that one side has not read.
  std::vector<std::string> notes;
};

// "fork_flat vmas=4": how reports name a case.
std::string case_name(const ComparisonRow& row);

// What decides a value of the classes exact and deterministic: those of the boots that both sides
// have, in the same order. Boot n starts alike on both, so a boot that one side lost must not
// shift the others.
struct Twins {
  std::vector<double> base;
  std::vector<double> head;
};
Twins twins_of(const Side& base, const Side& head);
// The same of all repetitions: those of class exact must not differ among themselves.
Twins repetitions_of(const Side& base, const Side& head);
// The one rule of both classes, for reports and gate; nothing without twins. `kind` need not be the
// metric's own.
std::optional<Change> change_of(const ComparisonRow& row, MetricClass kind, double floor,
                                double placement);
// For metrics that are judged by boots as the unit of replication.
Boots boots_of(const Side& side);
// By how much, in the metric's unit, that boot of `side` which has no twin on the other side and
// lies farthest beyond all that the other has ever been does so: above with `above`, else below. 0
// where all have twins or lie within. Twins that agree say nothing of it.
double beyond_without_twin(const Side& side, const Side& other, bool above);

// What the reader of a report must be told before any figure: a line for each thing that is
// missing, lost, failed or not checked, base first; empty for two whole runs.
std::vector<std::string> shortcomings(const Comparison& comparison);

// Rows by kernel function are left out, unless one failed: reports/functions.h has those. Of a
// case that failed on a side only the failed rows count there. A case whose replay diverged on a
// side has no figures to compare: its rows are skips that name the first call, but for
// replay_diverged itself.
Comparison compare_runs(const Run& base, const Run& head);

// Pure. Options of two .config texts whose values differ, sorted by name; those
// that only say with what and how the kernel was built are left out.
std::vector<std::string> compare_configs(std::string_view base, std::string_view head);

}  // namespace rmaplab
