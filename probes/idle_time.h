// SPDX-License-Identifier: GPL-2.0-only
// How long the CPUs have idled. In the exact lab idle time is warped over, so a
// count of instructions across it is none; this is how we know.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

// Pure. Sum over CPUs of idle_sleeptime in /proc/timer_list, ns. The field is
// there with CONFIG_NO_HZ_COMMON (kernel/time/timer_list.c); else Errc::unsupported.
Result<std::uint64_t> parse_idle_ns(std::string_view timer_list);
// Needs root.
Result<std::uint64_t> read_idle_ns(const std::string& proc_root);

}  // namespace rmaplab
