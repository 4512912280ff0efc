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
  // Patches of which it drives what they change: "series 1: 4, 8, 9". "control": of none,
  // what it measures is to stay as it is.
  std::string_view patches;
  std::string_view item;  // what one operation of the figures is: "fork", "mremap"
  std::vector<Argument> arguments;
  std::vector<Values> quick;
  // Quick as well, but after the cases of all other workloads: sizes beyond a knee, which came
  // later. What ran before a case moves its figures a little, so that a case is never put
  // between those whose figures are known.
  std::vector<Values> beyond;
  std::vector<Values> full;  // everything of both too
  // Items in one iteration of the loop; figures are divided by it.
  std::int64_t (*items)(const Values&) = [](const Values&) -> std::int64_t { return 1; };
  // Rough cost of one iteration in pages touched or copied, to size its count.
  std::int64_t (*weight)(const Values&) = [](const Values&) -> std::int64_t { return 1; };
  // Peak of the memory that one iteration takes, of all its processes, page tables and
  // kernel objects included, in pages: an upper bound. More than three quarters of what is
  // available: the case is skipped.
  std::int64_t (*memory_pages)(const Values&) = nullptr;
  void (*run)(benchmark::State&, Meter&) = nullptr;  // values are state.range(i)
  // Why objects of such a case may be freed in another task's context, so that what its own
  // processes allocate and free need not balance; "" when they must. Null: they always must.
  std::string_view (*freed_elsewhere)(const Values&) = nullptr;
  // Why counts of anon_vmas of such a case differ from run to run of one kernel; "" when they
  // must not. Null: they never do. Those counts are skips then.
  std::string_view (*by_chance)(const Values&) = nullptr;
  // Why such a case holds no state still, so that none can be read; "" when it does. Null: it
  // always does.
  std::string_view (*holds_nothing)(const Values&) = nullptr;
  bool core = false;      // runs in the quick preset when no workload is named
  bool late = false;      // after all that is not, for the same reason as `beyond`
  bool contends = false;  // several processes at once: what the contention pass is for
  // Of one that contends: on one CPU too, since who holds the lock is preempted.
  bool preempted = false;
  // Of one that contends: the case that differs only in what is not shared, for it is run
  // wherever the case is. A waiter that spins leaves no event, only a lower throughput.
  Values (*control)(const Values&) = nullptr;
  bool hidden = false;  // for tests of rmaplab itself: only run when named exactly
};

// Alphabetical, `null` first.
std::span<const Workload* const> catalog();
const Workload* find_workload(std::string_view name);

// Its file's first comment, without the slashes: shape of sharing, kernel functions and
// lock, patches, what is not measured. The build takes it from the source
// (cmake/Stories.cmake); hidden workloads have one too.
std::string_view story_of(const Workload& workload);

// "vmas=64;kind=dontfork": the arguments column of samples.csv.
std::string arguments_text(const Workload& workload, const Values& values);
// Errc::usage names the argument that is missing or has no such value.
Result<Values> parse_arguments(const Workload& workload, std::string_view text);
// "depth=1,2,4;kind=dontfork": every combination of the values listed, in any order of
// names; an argument that is not named has the value it has in the first quick case.
Result<std::vector<Values>> expand_arguments(const Workload& workload, std::string_view text);

}  // namespace rmaplab
