// SPDX-License-Identifier: GPL-2.0-only
// Settings of the kernel that a workload may change: noticed, and put back, when a case
// leaves them otherwise. A workload restores its own (workloads/system_setting.h); one that
// is killed cannot.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace rmaplab
{

// Pure. Active swap areas of /proc/swaps and their priorities.
std::map<std::string, int> parse_swaps(std::string_view text);

// On a machine in use somebody else's change during a case looks like the case's.
class SettingsGuard
{
 public:
  // As things are now. `root` is "" outside tests.
  static SettingsGuard take(const std::string& root);
  // Puts back what differs; a line for each, which says whether that worked:
  // "/proc/sys/vm/max_map_count at 70000, was 65530; restored".
  std::vector<std::string> restore() const;
  std::size_t settings() const { return values_.size(); }
  // A line each, for a file; and back again. What is no setting there is left out.
  std::string text() const;
  static SettingsGuard from_text(const std::string& root, std::string_view text);

 private:
  std::string root_;
  std::map<std::string, std::string> values_;  // by path, without the root
  std::map<std::string, int> swaps_;
  std::set<std::string> cgroups_;
};

}  // namespace rmaplab
