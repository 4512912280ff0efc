// SPDX-License-Identifier: GPL-2.0-only
// Which processes there are and who descends from whom, from /proc/PID/stat.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

// Documentation/filesystems/proc.rst, table 1-4.
struct ProcessStat {
  pid_t pid = 0;
  std::string comm;
  char state = '?';  // T: stopped, Z: ended, not yet reaped
  pid_t ppid = 0;
  std::uint64_t start_ticks = 0;  // since boot; with the pid the name of one process
  bool operator==(const ProcessStat&) const = default;
};

// Pure. Errc::usage for what cannot be one.
Result<pid_t> parse_pid(std::string_view text);
// Pure. Errc::parse when a field is not there; comm may hold blanks and brackets.
Result<ProcessStat> parse_process_stat(std::string_view text);
// Errc::os with ESRCH when there is no such process. `proc_root` is "/proc" outside tests.
Result<ProcessStat> read_process_stat(const std::string& proc_root, pid_t pid);
// Every process that `proc_root` shows; one that ends meanwhile is left out.
Result<std::vector<ProcessStat>> read_processes(const std::string& proc_root);
// Pure. Each of `pids` followed by its descendants, parents before children and older
// siblings first; nobody twice.
std::vector<pid_t> with_descendants(const std::vector<ProcessStat>& processes,
                                    const std::vector<pid_t>& pids);

}  // namespace rmaplab
