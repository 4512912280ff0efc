// SPDX-License-Identifier: GPL-2.0-only
// What can make the running kernel walk the reverse mapping, found by trying where that
// leaves no trace.
#pragma once

#include <string>
#include <string_view>

#include "probes/capability.h"

namespace rmaplab
{

// A page of ours moves to another node and back.
Capability numa_capability();
// A page of ours goes out and comes in. In a guest of the lab swap is on meanwhile.
Capability swap_capability();
// /sys/kernel/mm/ksm/run may be written; nothing is. `sys_root` is "/sys" outside tests.
Capability ksm_capability(const std::string& sys_root);
// A cgroup of our own, made and removed, has memory.reclaim (5.19). `mounts` is the text of
// /proc/self/mounts.
Capability memory_reclaim_capability(std::string_view mounts);

}  // namespace rmaplab
