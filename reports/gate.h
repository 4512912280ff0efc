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
  skip,          // not measured on one side or both
};
std::string_view to_string(GateVerdict verdict);  // "PASS", ...

struct GateRow {
  ComparisonRow row;
  GateRule rule;
  GateVerdict verdict = GateVerdict::skip;
  std::string why;                    // one line, for a verdict that needs words
  std::optional<NoisyEffect> effect;  // of a noisy metric
  std::optional<double> adjusted_p;   // Holm, over all noisy metrics of the gate
  // Of a failure: what changed most within the case, "anon_vma_clone: +532 instructions/op":
  // kernel functions, and call sites of the metric itself, at most three of each.
  std::vector<std::string> blamed;
};

struct Gate {
  std::vector<GateRow> rows;
  // fail where a row failed, else inconclusive where one is, else pass; skip: nothing was
  // compared.
  GateVerdict verdict = GateVerdict::skip;
  std::size_t count(GateVerdict verdict_wanted) const;
};

Gate judge(const Comparison& comparison, const Policy& policy);
// Adds to its failures the kernel functions, where the runs compared have counted them.
void blame_functions(Gate& gate, const Run& base, const Run& head);

// KTAP, version 1: a result a row, values as diagnostics before it. An inconclusive one is a
// skip there, as KTAP has no word for it.
std::string gate_ktap(const Gate& gate);
// JUnit's XML: a suite a workload, a case a row, values as properties.
std::string gate_junit(const Gate& gate);

}  // namespace rmaplab
