// SPDX-License-Identifier: GPL-2.0-only
// Flags of mremap that no release of Linux and no libc has: include/uapi/linux/mman.h of the
// series "mm/mremap: introduce more mergeable mremap via MREMAP_RELOCATE_ANON", 2025, and of
// kernel-configs/relocate-anon. For the raw system call: libc may drop what it does not know.
#pragma once

namespace rmaplab
{

inline constexpr int kRelocateAnon = 8;       // MREMAP_RELOCATE_ANON
inline constexpr int kMustRelocateAnon = 16;  // MREMAP_MUST_RELOCATE_ANON, later versions

}  // namespace rmaplab
