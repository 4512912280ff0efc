// SPDX-License-Identifier: GPL-2.0-only
// How many VMAs a process has, from /proc/PID/maps.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

struct AddressRange {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // first byte after it
};

struct VmaCount {
  std::uint64_t all = 0;       // every line: also [vdso], [vvar], [vsyscall]
  std::uint64_t in_range = 0;  // those that begin in the range asked for
  bool operator==(const VmaCount&) const = default;
};

// Pure. Text of /proc/PID/maps (Documentation/filesystems/proc.rst); a line that
// does not begin with "HEX-HEX " is Errc::parse.
Result<VmaCount> count_vmas(std::string_view maps, AddressRange range);
// Owner of the process or root; the process must be at rest for a consistent
// count. `proc_root` is "/proc" outside tests.
Result<VmaCount> read_vma_count(const std::string& proc_root, pid_t pid, AddressRange range);

}  // namespace rmaplab
