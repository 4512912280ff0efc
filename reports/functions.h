// SPDX-License-Identifier: GPL-2.0-only
// Which kernel functions a change of instructions comes from: rows of runs with --functions.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "results/run_dir.h"

namespace rmaplab
{

// One function in one case: per operation, the mean of the boots that both runs have.
struct FunctionChange {
  std::string function;
  double base_calls = 0;
  double head_calls = 0;
  double base_instructions = 0;
  double head_instructions = 0;
  double change() const { return head_instructions - base_instructions; }
};

// function_instructions or function_calls: rows by the thousand, for these reports only.
bool is_function_metric(std::string_view metric);

// Pure. The function of the source that a symbol is of: without what the compiler appends to a
// part or a copy of it (".cold", ".isra.0", ".constprop.0", ".part.0"), which one kernel's
// compiler does and another's does not. "[user]" and the like stay.
std::string_view source_function(std::string_view symbol);

// Pure. Cases that both runs have such rows of, in the order of the base.
std::vector<CaseName> function_cases(const Run& base, const Run& head);

// Pure. What such a report must say first, a line each, base first: rows by function without a
// value, cases that one run alone has, sums that are not the case's instructions_mean (rows were
// lost).
std::vector<std::string> function_shortcomings(const Run& base, const Run& head);
// Pure. The same by case (workload and arguments): whose functions were lost, "functions of boot 1
// of the base were lost".
std::map<CaseName, std::string> functions_lost(const Run& base, const Run& head);

// The rows by function of two runs, which must outlive it, looked through once for all cases.
class FunctionRows
{
 public:
  FunctionRows(const Run& base, const Run& head);
  // All functions of one case, the greatest changes first, whichever way, those of equal changes by
  // name. Their sums are the sums of instructions_mean of both sides. Symbols of one
  // source_function() are one; calls of a ".cold" part are jumps within it and not counted.
  // Empty where either run has no such rows.
  std::vector<FunctionChange> changes(const CaseName& one) const;

 private:
  using ByCase = std::unordered_map<CaseName, std::vector<const Sample*>>;
  static ByCase by_case(const Run& run);
  ByCase base_;
  ByCase head_;
};
// Pure. The same of one case.
std::vector<FunctionChange> function_changes(const Run& base, const Run& head,
                                             std::string_view workload, std::string_view arguments);

struct FunctionReportOptions {
  std::size_t top = 15;               // functions named of each case; the rest is one line
  std::vector<std::string> warnings;  // lines before all else
};

// At most 75 columns of ASCII, a table a case: the rows and the rest add up to the total. A case
// whose functions are all the same on both sides is one line.
std::string functions_report(const Run& base, const Run& head, const std::vector<CaseName>& cases,
                             const FunctionReportOptions& options);

// Every function of the cases, one line each after a header.
std::string functions_csv(const Run& base, const Run& head, const std::vector<CaseName>& cases);

}  // namespace rmaplab
