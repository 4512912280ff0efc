// SPDX-License-Identifier: GPL-2.0-only
// Modules of a kernel: found by name, given to the guest uncompressed, since a kernel need
// not be able to decompress them itself (CONFIG_MODULE_DECOMPRESS).
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace rmaplab
{

// The RAM disk driver. It needs no other module, and completes a write within the call: an
// emulated disk would complete it in the host's time, which no exact guest may see.
inline constexpr const char* kRamDisk = "brd";

// NAME.ko or NAME.ko.xz, ... below the folder; "" when there is none.
std::filesystem::path module_below(const std::filesystem::path& folder, const std::string& name);

// Its bytes, uncompressed (gzip, xz, zstd); Errc::parse when they are no ELF file then.
Result<std::string> read_module(const std::filesystem::path& file);

}  // namespace rmaplab
