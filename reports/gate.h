// SPDX-License-Identifier: GPL-2.0-only
// Whether a head is no worse than its base by a policy: a verdict for every metric of every
// case, and one for all. Pure.
#pragma once

#include <string>
#include <vector>

#include "reports/comparison.h"
#include "reports/policy.h"
#include "stats/noisy.h"

namespace rmaplab
{

enum class GateVerdict {
  pass,
  fail,          // worse than the limit, or the workload failed
  inconclusive,  // neither shown to be worse nor shown not to be; never a pass
  skip,          // not measured on either side
};
std::string_view to_string(GateVerdict verdict);  // "PASS", ...

struct GateRow {
  ComparisonRow row;
  GateRule rule;
  GateVerdict verdict = GateVerdict::skip;
  std::string why;                    // one line, for a verdict that needs words
  bool overlaps = false;              // inconclusive for this: worse, but the boots' ranges overlap
  std::optional<NoisyEffect> effect;  // of a noisy metric
  std::optional<double> adjusted_p;   // Holm, over all noisy metrics of the gate
  // Of a failure: what changed most within the case, at most three of each: kernel functions of a
  // count of instructions ("anon_vma_clone: +532 instructions/op"); of a state who allocated and
  // freed, and which merges and moves came out otherwise.
  std::vector<std::string> blamed;
};

// Something of a run that is missing or failed: a result of its own, "base: boot 2 of 3".
struct GateGap {
  std::string side;
  Gap gap;
};

struct Gate {
  std::vector<GateGap> gaps;
  std::vector<GateRow> rows;
  std::vector<std::string> notes;  // what a reader must know beside the results, a line each
  // fail where a row or a boot failed; else inconclusive where a row is, or something of a run is
  // missing; else pass; skip: nothing was compared.
  GateVerdict verdict = GateVerdict::skip;
  // A failure is the head's: a worse row, or a row or boot of it that failed. What failed on the
  // base alone says nothing of the head.
  bool head_failed = false;
  std::size_t count(GateVerdict verdict_wanted) const;  // of rows
};

// Rows that the policy judges; and, whatever the metric, class or policy, rows that failed on a
// side and rows that one side alone has, unless the policy ignores these.
Gate judge(const Comparison& comparison, const Policy& policy);
// Where the runs compared have counted kernel functions: names those of failed rows, and lets
// pass what an allowance of the policy covers.
void weigh_functions(Gate& gate, const Policy& policy, const Run& base, const Run& head);

// KTAP, version 1: a result a row, values as diagnostics before it. An inconclusive one is a
// skip there, as KTAP has no word for it.
std::string gate_ktap(const Gate& gate);
// JUnit's XML: a suite a workload, a case a row, values as properties; what the notes say as the
// output of a suite of its own.
std::string gate_junit(const Gate& gate);
// The same of a gate that could not be judged, so that no verdict of an earlier one stays behind.
std::string error_junit(std::string_view error);

}  // namespace rmaplab
