// SPDX-License-Identifier: GPL-2.0-only
// The source of Debian's kernels, as its packages linux-source-X.Y hold it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/kernel_image.h"
#include "lab/progress.h"

namespace rmaplab
{

struct SourcePackage {
  std::string package;  // "linux-source-7.2"
  std::string version;  // "7.2.13-1"
};

struct FetchedSource {
  SourcePackage package;
  std::filesystem::path tarball;  // in the cache
};

// Resolves "7.2", or "7.2.13" where it is there, downloads and unpacks the package; what is in
// the cache already needs no network. Errors as fetch_debian_kernel().
Result<FetchedSource> fetch_debian_source(const std::string& version, const KernelOptions& options,
                                          const Notify& notify);

// Pure: the newest of `apt-cache madison` lines that is `version` or begins with it and a dot.
std::optional<SourcePackage> choose_source(std::string_view madison, const std::string& version);

}  // namespace rmaplab
