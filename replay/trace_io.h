// SPDX-License-Identifier: GPL-2.0-only
// Stand-in for the trace's reader and writer, until those are merged.
#pragma once

#include "base/result.h"
#include "replay/trace.h"

namespace rmaplab
{

Result<> write_trace(const std::string& path, const Trace& trace);

}  // namespace rmaplab
