// SPDX-License-Identifier: GPL-2.0-only
// Runs checks, each in a process of its own that is a fresh execution of the runner: a
// crash, a kill or a hang costs one check, and no heap or fork of ours is in its VMAs.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.h"
#include "conformance/check.h"
#include "conformance/looks.h"

namespace rmaplab
{

struct CheckPlan {
  std::string glob = "*";
  std::uint64_t seed = 1;
  std::uint64_t moves = Bench::kMoves;  // that a race makes; its time limit grows with them
  int limit_s = 10;                     // a check may take
  bool known = false;                   // faults of known_faults.h are expected

  // Who looks at the reverse mapping: a socket to it, which each check inherits, -1 for nobody.
  // Asked for before each check; what does not answer any more is replaced by then.
  std::function<int()> probe_fd = [] { return -1; };
  // Of run_check(): the same as seen from the check's process.
  Looker looker;
  int counts_fd = -1;
};

struct CheckTotals {
  std::size_t ok = 0;
  std::size_t not_ok = 0;
  std::size_t skipped = 0;
  std::size_t known = 0;  // of those not ok; with CheckPlan::known they count as expected
};

// Exit status of the process of one check.
inline constexpr int kCheckOk = 0;
inline constexpr int kCheckNotOk = 1;
inline constexpr int kCheckSkipped = 77;

// Called as each check begins and then once a second: how many are done, of how many, and which
// one runs.
using CheckProgress = std::function<void(std::size_t, std::size_t, const std::string&)>;

// Descriptors of a check's process, above all that the suite itself uses.
inline constexpr int kCheckProbeFd = 100;
inline constexpr int kCheckCountsFd = 101;

// KTAP to `write`, as results arrive. `program` is the runner; it is called as
// `program check-one --seed=N --moves=N [--probe-fd=N --counts-fd=N] NAME`.
Result<CheckTotals> run_checks(const CheckPlan& plan, const std::string& program,
                               const std::function<void(const std::string&)>& write,
                               const CheckProgress& running);

// One check in this process: Errc::unsupported is a skip.
Result<> run_check(const std::string& name, const CheckPlan& plan);

}  // namespace rmaplab
