// SPDX-License-Identifier: GPL-2.0-only
// What rmaplab-probe answers to "rmap": whether the reverse mapping of processes at rest is
// right, by their forest and by walks from their pages.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "probes/forest.h"
#include "probes/vma_count.h"

namespace rmaplab
{

struct RmapQuestion {
  std::vector<pid_t> pids;
  bool walk = true;
  AddressRange range = {.begin = 0, .end = ~std::uint64_t{0}};  // VMAs that begin in it
  // Not 0: what is judged is the forest with this VMA's anon_vma taken away. A wrong claim, so
  // that one sees on a right kernel that it would be seen.
  std::uint64_t disowned = 0;
};

struct RmapReport {
  std::uint64_t vmas = 0;    // that were looked at
  std::uint64_t walked = 0;  // pages that a walk found
  std::vector<std::string> faults;
  std::string no_forest;  // why anon_vmas were not looked at, "" when they were
  std::string no_walk;    // why no page was walked to
};

// Pure. "walk=0 range=1000-2f00 disowned=1000 77 78".
Result<RmapQuestion> parse_rmap_question(const std::vector<std::string_view>& words);

// `forest` is of these processes, or says why there is none.
RmapReport look_at_rmap(const Result<Forest>& forest, const RmapQuestion& question);

// " vmas=N walked=N rows=N", then a line each: "fault TEXT", "no_forest REASON", "no_walk REASON".
std::string to_answer(const RmapReport& report);

}  // namespace rmaplab
