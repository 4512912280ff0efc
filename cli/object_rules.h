// SPDX-License-Identifier: GPL-2.0-only
// How a recorder tells the allocations of VMAs, anon_vmas and AVCs from others: asked of the
// running kernel's symbols and slab caches.
#pragma once

#include "base/result.h"
#include "replay/recorder.h"

namespace rmaplab
{

// Needs /proc/kallsyms with addresses and /sys/kernel/slab: root. Errc::unsupported when the
// three cannot be told apart.
Result<ObjectRules> object_rules();

}  // namespace rmaplab
