// SPDX-License-Identifier: GPL-2.0-only
// Seeded faults: patches that break a kernel on purpose, each with what must show it.
// kernel-configs/README.md describes the files. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

struct Mutant {
  std::string name;      // of its file
  std::string title;     // "an anon_vma is never reused at fork"
  std::string breaks;    // what it does
  std::string below;     // a folder of kernel-configs whose patches it is on top of; "" for none
  std::string check;     // checks that must fail; then there is no case, metric or function
  std::string workload;  // the case that must show it
  std::string arguments;
  std::string metric;  // and the metric
  double change = 0;   // the least one, signed; relative (0.1 is 10 %) or in the metric's unit
  bool relative = true;
  std::string config;  // a fragment on top of bench that the metric takes; "" for none
  std::string passes;  // passes to measure, joined with commas; "" for those of the mode
  // Must be among the three that changed most; "" where no function does more or less: objects
  // that are larger, a lock that is taken in another way.
  std::string function;
  std::string diff;
};

// "FIELD: VALUE" lines, those that begin with two blanks go on; then a diff. Errc::parse with
// NAME:LINE for a field that is missing, unknown or no number, for an unknown metric too.
Result<Mutant> parse_mutant(const std::string& name, std::string_view text);

// "+10%", "-1": the change that it must show; "not ok" of a check.
std::string change_text(const Mutant& mutant);

}  // namespace rmaplab
