// SPDX-License-Identifier: GPL-2.0-only
// What is to be measured, as a list of cases decided before anything runs.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "workloads/processes.h"
#include "workloads/workload.h"

namespace rmaplab
{

enum class Mode {
  host,   // the running kernel of this machine
  exact,  // a guest whose virtual nanoseconds are its instructions
  smp,    // a guest with several CPUs in parallel
};

// A pass is one run of a case with certain probes armed.
enum class Pass {
  bare,        // nothing but the clock
  state,       // VMA counts and slab use, of one operation that is held still
  objects,     // object events of one operation, by kernel function; the forest it leaves
  faults,      // page faults with their addresses, VMAs over time
  counters,    // hardware and software counters
  contention,  // lock waits of the whole machine, for workloads that contend
  holds,       // acquisitions and hold times of anon_vma roots, by LOCK_STAT
  forest,      // no figures: the anon_vma forest itself, as JSON; for `rmaplab forest`
};

std::string_view to_string(Mode mode);
std::string_view to_string(Pass pass);
Result<Mode> parse_mode(std::string_view text);
Result<Pass> parse_pass(std::string_view text);
Result<Pinning> parse_pinning(std::string_view text);

// What `rmaplab list --passes` tells of one.
struct PassInfo {
  Pass pass = Pass::bare;
  std::string_view name;  // in samples.csv and on the command line
  std::string_view arms;
  std::string_view cost;  // to what is measured while it is armed
};
// In the order in which they run.
std::span<const PassInfo> all_passes();
std::string pass_names();  // joined with ", "

struct PlannedCase {
  const Workload* workload = nullptr;
  Values values;
  Pass pass = Pass::bare;
};

struct Plan {
  Mode mode = Mode::host;
  std::string preset = "quick";  // or "full"
  std::string filter = "*";      // globs joined with commas, on workload names
  // Of the one workload that `filter` names, as expand_arguments() takes them; "": the
  // preset's.
  std::string arguments;
  std::string passes;               // names joined with commas; "": default_passes()
  std::vector<std::string> traces;  // files whose replays are the cases of `replay`
  // 0: none. From 1: the same number gives the same start on every kernel: it sets
  // the place of stack and arena, and the phase of the timer.
  int replica = 0;
  std::string pin = "none";  // or "one", "spread": workloads/processes.h
  int probe_fd = -1;         // socket to rmaplab-probe's server; -1: there is none
  int case_timeout_s = 300;  // of the kernel under test: virtual seconds in a guest
};

// What a mode measures unless asked otherwise. In the exact lab exact figures come
// from the first replica only (quick preset): one run decides them.
std::vector<Pass> default_passes(const Plan& plan);

// Pass after pass, the bare one first: reading state empties slab stocks, which the
// timed cases must not feel. Within a pass in the order of the catalog, then what is beyond
// a knee, then late workloads (workloads/workload.h). `null`, the control of figures, is always
// among them unless arguments are given or the pass has no figures. Errc::usage when the filter
// matches nothing, or the preset, a pass or the arguments are none of ours.
Result<std::vector<PlannedCase>> plan_cases(const Plan& plan);

// How often a case is repeated: fixed, so that both kernels do the same work.
struct Repeats {
  int repetitions = 1;  // rows of samples.csv
  int warm_up = 0;      // operations before those that count, in each repetition
  int kept = 1;         // operations behind each row's median
};
Repeats repeats_of(const Plan& plan, const Workload& workload, const Values& values);

// What a replica number changes: where stack and arena lie, when the timer ticks, how
// full the slabs are. The rest of the address space is the same in every replica
// (ADDR_NO_RANDOMIZE), and on every kernel.
struct ReplicaLayout {
  std::size_t stack_limit_bytes = 0;
  std::size_t arena_offset_pages = 0;
  std::uint64_t spin = 0;  // turns of an empty loop before the first operation
  // Faulted VMAs that the coordinator holds all the while. They move the point at
  // which a cache needs its next slab, which can be worth 1 % of a small fork: without
  // them all replicas met it in the same operations, and agreed on a figure that
  // another count of operations did not give.
  std::size_t ballast_vmas = 0;
};
ReplicaLayout layout_of_replica(int replica);

}  // namespace rmaplab
