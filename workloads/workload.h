// SPDX-License-Identifier: GPL-2.0-only
// A workload and the catalog of all of them. A new one is a file and a row.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "workloads/meter.h"

namespace rmaplab
{

struct Argument {
  std::string_view name;
  std::vector<std::string_view> labels;  // value i is shown as labels[i]; none: as a number
};

using Values = std::vector<std::int64_t>;  // one for each Argument

struct Workload {
  std::string_view name;  // key in samples.csv, never renamed
  int version = 1;        // raised whenever the measured operation changes
  std::string_view summary;
  std::string_view kernel_path;
  std::string_view item;  // what one operation of the figures is: "fork", "mremap"
  std::vector<Argument> arguments;
  std::vector<Values> quick;
  std::vector<Values> full;  // everything of quick too
  // Items in one iteration of the loop; figures are divided by it.
  std::int64_t (*items)(const Values&) = [](const Values&) -> std::int64_t { return 1; };
  // Rough cost of one iteration in pages touched or copied, to size its count.
  std::int64_t (*weight)(const Values&) = [](const Values&) -> std::int64_t { return 1; };
  void (*run)(benchmark::State&, Meter&) = nullptr;  // values are state.range(i)
  bool contends = false;  // several processes at once: what the contention pass is for
  bool hidden = false;    // for tests of rmaplab itself: only run when named exactly
};

// Alphabetical, `null` first.
std::span<const Workload* const> catalog();
const Workload* find_workload(std::string_view name);

// "vmas=64;kind=dontfork": the arguments column of samples.csv.
std::string arguments_text(const Workload& workload, const Values& values);
// Errc::usage names the argument that is missing or has no such value.
Result<Values> parse_arguments(const Workload& workload, std::string_view text);

}  // namespace rmaplab
