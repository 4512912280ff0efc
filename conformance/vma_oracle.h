// SPDX-License-Identifier: GPL-2.0-only
// Where this process has VMAs: asked by ioctl(PROCMAP_QUERY) where the kernel has it
// (Linux 6.11), else read from maps. The check oracle/maps_agree holds one to the other.
#pragma once

#include <vector>

#include "base/result.h"
#include "probes/vma_count.h"

namespace rmaplab
{

// VMAs that begin in the range, ascending.
Result<std::vector<AddressRange>> vmas_of_self(AddressRange range);
// The same by the ioctl only; Errc::unsupported before 6.11.
Result<std::vector<AddressRange>> query_vmas_of_self(AddressRange range);

}  // namespace rmaplab
