// SPDX-License-Identifier: GPL-2.0-only
// forest --why: why neighbouring VMAs of a running process are not one, in the words of
// `trace why`.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "probes/vma_list.h"

namespace rmaplab
{

// Pure. `note`: why no anon_vma is known; "" where they are. At most 25 lines of 75 columns.
std::string forest_why_text(pid_t pid, const std::string& comm, const VmaList& list,
                            std::uint64_t page_size, const std::string& note);
// /proc/PID/smaps of its owner or root; the anon_vmas take root and BTF: without, it says so.
Result<std::string> forest_why(pid_t pid);

}  // namespace rmaplab
