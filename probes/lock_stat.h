// SPDX-License-Identifier: GPL-2.0-only
// Acquisitions, waits and hold times by class of lock: /proc/lock_stat, version 0.4
// (Documentation/locking/lockstat.rst).
//
// The only source that also has hold times and acquisitions nobody waited for. It takes
// CONFIG_LOCK_STAT, which brings lockdep and makes every lock dearer: compare its
// figures with those of such kernels only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probes/capability.h"

namespace rmaplab
{

// The two halves of an rwsem's class, writers and readers; and the name that the writers go by
// where there was no reader (seq_stats() in kernel/locking/lockdep_proc.c).
inline const std::vector<std::string> kAnonVmaLockClasses = {
    "&anon_vma->rwsem-W", "&anon_vma->rwsem-R", "&anon_vma->rwsem"};

struct LockTimes {  // us, as the file gives them
  double min_us = 0;
  double max_us = 0;
  double total_us = 0;
  double avg_us = 0;
  bool operator==(const LockTimes&) const = default;
};

struct LockStat {
  std::string lock_class;
  std::uint64_t contentions = 0;
  LockTimes wait;
  std::uint64_t acquisitions = 0;
  LockTimes hold;
  bool operator==(const LockStat&) const = default;
};

// Pure. Text of /proc/lock_stat; another version or a header without one of the columns
// is Errc::parse. A class without a line is Errc::unsupported: the file leaves out
// what nobody took since the last clear, and does not know other names.
Result<LockStat> parse_lock_stat(std::string_view text, const std::string& lock_class);
// Root. `proc_root` is "/proc" outside tests. Errc::unsupported without CONFIG_LOCK_STAT.
Result<LockStat> read_lock_stat(const std::string& proc_root, const std::string& lock_class);
// Root. Starts all counts at zero and switches counting on; whether it was on before.
Result<bool> clear_lock_stat(const std::string& proc_root);
// Root. Switches counting off, for who found it so.
Result<> stop_lock_stat(const std::string& proc_root);
// Reads the file and looks for kernel.lock_stat; changes nothing.
Capability lock_stat_capability(const std::string& proc_root);

}  // namespace rmaplab
