// SPDX-License-Identifier: GPL-2.0-only
// The last selfcheck of each mode on this machine, in the cache, for reports to quote.
#pragma once

#include <string>

#include "base/result.h"
#include "results/manifest.h"

namespace rmaplab
{

Result<> store_selfcheck(const Manifest& facts);
// What a report of a run with this manifest says of it; "" where none was made here in its mode
// with its QEMU.
std::string quoted_selfcheck(const Manifest& run);

}  // namespace rmaplab
