// SPDX-License-Identifier: GPL-2.0-only
// Pages that KSM has made one, for workloads whose walks go through them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace rmaplab
{

// Mappings of this process whose pages are merged: /proc/self/ksm_merging_pages, since 5.19.
// Errc::unsupported without it.
Result<std::uint64_t> merged_pages_of_ours();

// Lets ksmd work until that many pages of ours are merged, 20 s at most; root. This process
// never sleeps meanwhile, nor does ksmd: in the exact lab a repetition with idle time in it is
// not counted. What the settings were before they are after.
Result<> drive_ksmd(std::uint64_t wanted);

// madvise(MADV_MERGEABLE); Errc::unsupported where the kernel has no KSM.
Result<> make_mergeable(char* at, std::size_t pages);

}  // namespace rmaplab
