// SPDX-License-Identifier: GPL-2.0-only
// Files that others may have put where we look for one, or that a user names to write into.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rmaplab
{

inline constexpr std::uint64_t kMostFileBytes = std::uint64_t{4} << 30;
// Open to read. A pipe, a device or a socket is refused at once (Errc::usage), where reading it
// could wait or go on for ever; so is a file of more than `most_bytes` (Errc::parse).
Result<UniqueFd> open_regular_file(const std::filesystem::path& path,
                                   std::uint64_t most_bytes = kMostFileBytes);
// The same, the whole of it.
Result<std::string> read_regular_file(const std::filesystem::path& path,
                                      std::uint64_t most_bytes = kMostFileBytes);

}  // namespace rmaplab
