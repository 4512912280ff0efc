// SPDX-License-Identifier: GPL-2.0-only
// What a replay's process may do: change its own memory, give birth, end. Async-signal-safe.
#pragma once

namespace rmaplab
{

// For the calling process, its children and what they execute; 0 or an errno. Any other
// system call kills the process (SIGSYS).
int enter_sandbox();

}  // namespace rmaplab
