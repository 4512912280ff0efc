// SPDX-License-Identifier: GPL-2.0-only
// What is always looked at around a case, whatever it measures: whether the kernel
// complained, whether processes or settings stayed behind. What is found is a failure of
// the case, however good its figures.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "probes/kernel_log.h"
#include "session/settings_guard.h"

namespace rmaplab
{

class Oracles
{
 public:
  // From here on; orphaned descendants become our children (session/leftovers.h). `shared`: on
  // a machine where another runner may be at work (session/settings_record.h).
  explicit Oracles(bool shared);
  // What the kernel complained of since the last call; a line each, without doubles. The
  // time between cases counts to the later one: only the coordinator runs then.
  std::vector<std::string> complaints();
  // Settings that differ from those at the start, each put back: a line each.
  // Nothing while another runner works here: the difference may be its, and is put back by it.
  std::vector<std::string> restore_settings() const;
  // The log's new text up to the last complaints(), as dmesg prints it.
  std::string take_text() { return std::exchange(text_, {}); }
  // Records that were overwritten before they could be read.
  std::uint64_t lost() const { return lost_; }

 private:
  Result<KernelLog> log_;
  KernelCounts counts_;
  bool shared_;
  SettingsGuard settings_;
  std::string text_;
  std::uint64_t lost_ = 0;
};

}  // namespace rmaplab
