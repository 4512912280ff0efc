// SPDX-License-Identifier: GPL-2.0-only
// The VMAs of a live process with all that the kernel's merging looks at and /proc shows:
// /proc/PID/smaps (protection, flags, file, offset, name, key) and numa_maps (policy). Which
// anon_vma a VMA has is not there: probes/forest_reader.h.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/vma_apart.h"
#include "probes/forest.h"

namespace rmaplab
{

struct VmaList {
  std::vector<VmaLook> vmas;        // ascending; the gate VMA, which is in no mm, left out
  std::uint64_t unknown_flags = 0;  // codes of VmFlags that are not known here, left out
  bool policies_known = false;
};

// Pure. Text of /proc/PID/smaps (Documentation/filesystems/proc.rst); Errc::parse with the line
// where it has no such form, Errc::unsupported without VmFlags. The anon_vmas of private
// memory are marked as not known.
Result<VmaList> parse_smaps(std::string_view smaps, std::uint64_t page_size);
// Pure. Adds what /proc/PID/numa_maps says; a VMA that is not in it keeps its own.
void add_policies(VmaList& list, std::string_view numa_maps);
// Pure. Of one process of a forest, read after the list: VMAs that begin and end there as here.
void add_anon_vmas(VmaList& list, const ForestProcess& process);

// Owner of the process or root; it should be at rest. `proc_root` is "/proc" outside tests.
Result<VmaList> read_vma_list(const std::string& proc_root, pid_t pid);

}  // namespace rmaplab
