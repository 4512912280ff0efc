// SPDX-License-Identifier: GPL-2.0-only
// Files that may be compressed: mailboxes, modules, configurations.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"

namespace rmaplab
{

// The whole file, uncompressed where gzip, xz, lzma, bzip2 or zstd made it. Errc::usage for what is
// no regular file, Errc::parse for one that is damaged, has more than `most_bytes` or becomes
// more than `most_uncompressed`.
Result<std::string> read_uncompressed(const std::filesystem::path& file, std::uint64_t most_bytes,
                                      std::uint64_t most_uncompressed);

}  // namespace rmaplab
