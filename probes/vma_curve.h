// SPDX-License-Identifier: GPL-2.0-only
// Whether this machine lets VMAs be counted over time (base/vma_curve.h).
#pragma once

#include "base/vma_curve.h"
#include "probes/capability.h"

namespace rmaplab
{

// By counting this process's own VMAs and their headroom.
Capability vma_curve_capability();

}  // namespace rmaplab
