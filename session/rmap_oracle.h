// SPDX-License-Identifier: GPL-2.0-only
// The oracle of the reverse mapping: of a state held still, whether each VMA with anonymous
// pages has an anon_vma, chains and counts are as they must be, and walks find the pages.
// rmaplab-probe looks (cli/probe_rmap.h), after whatever a pass reads of the state itself.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "session/probe_client.h"
#include "session/rows.h"

namespace rmaplab
{

// What was found of some processes.
struct RmapLook {
  std::vector<std::string> faults;
  std::string no_forest;  // why anon_vmas were not looked at, "" when they were
  std::string no_walk;    // why no page was walked to
  std::uint64_t vmas = 0;
  std::uint64_t walked = 0;  // pages
};

// Pure. Errc::parse for an answer that is none.
Result<RmapLook> parse_rmap_look(const ProbeAnswer& answer);
// Pure: a value (0, and what was looked at), a skip (nothing was), or the faults.
struct RmapVerdict {
  SampleStatus status = SampleStatus::ok;
  std::string text;
};
RmapVerdict verdict_of(const Result<RmapLook>& look);

class RmapOracle
{
 public:
  // A metric is of one pass.
  static constexpr std::string_view kInState = "rmap_faults";
  static constexpr std::string_view kInObjects = "rmap_faults_objects";

  RmapOracle(int probe_fd, std::string_view metric) : fd_(probe_fd), metric_(metric) {}
  // The first call counts.
  void look(std::span<const pid_t> processes);
  // A row of the metric; `not_held`: why no state was held still, where that is known.
  void report(const Rows& rows, const std::string& not_held = {}) const;
  // Nothing that the pass read of such a state is a figure.
  bool found_faults() const { return looked_ && *looked_ && !(*looked_)->faults.empty(); }

 private:
  int fd_;
  std::string_view metric_;
  std::optional<Result<RmapLook>> looked_;
};

}  // namespace rmaplab
