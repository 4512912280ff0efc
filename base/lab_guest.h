// SPDX-License-Identifier: GPL-2.0-only
// What a guest of the lab finds in its root folder beside the runner: the lab puts it
// there, the runner and its workloads take it from there.
#pragma once

#include <unistd.h>

namespace rmaplab
{

// Arguments of the runner, each ended by a zero byte; in every guest.
inline constexpr const char* kGuestCommand = "/rmaplab/command";
// The kernel's RAM disk driver as a module; not there when it is built in, or not to be had.
inline constexpr const char* kGuestRamDisk = "/rmaplab/brd.ko";

inline bool in_lab_guest()
{
  return ::access(kGuestCommand, R_OK) == 0;
}

}  // namespace rmaplab
