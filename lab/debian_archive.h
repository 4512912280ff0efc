// SPDX-License-Identifier: GPL-2.0-only
// Kernels from Debian's archive, of any suite, on any Debian machine: apt does the
// fetching and the checking of signatures with a configuration, lists and cache of
// our own; the system's sources stay as they are. No root needed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/kernel_image.h"
#include "lab/progress.h"

namespace rmaplab
{

struct ArchivedKernel {
  std::string package;   // "linux-binary-7.0.13+deb13-cloud-amd64"
  std::string version;   // of the package: "7.0.13-1~bpo13+1"
  std::string suite;     // "trixie-backports"
  std::string upstream;  // "7.0.13"
};

struct FetchedKernel {
  std::string source;  // package and version, for the manifest
  std::filesystem::path image;
  std::filesystem::path config;    // "" where the archive no longer has it
  std::filesystem::path ram_disk;  // likewise
};

// Resolves "7.0.13", or "7.0" to the newest 7.0.x there is, downloads and unpacks
// it into the cache; what is there already needs no network. Errc::usage for a
// version no suite has, Errc::unsupported without apt or network.
Result<FetchedKernel> fetch_debian_kernel(const std::string& version, const KernelOptions& options,
                                          const Notify& notify);

// Newest last. Network unless the lists are fresh.
Result<std::vector<ArchivedKernel>> list_debian_kernels(const KernelOptions& options,
                                                        const Notify& notify);
// Those of an architecture already in the cache, usable without network.
std::vector<ArchivedKernel> list_cached_kernels(const std::string& architecture);

// The pure parts.
// Order of package versions (Debian Policy 5.6.12): "1~bpo13+1" < "1" < "2" < "10".
int compare_debian_versions(std::string_view a, std::string_view b);
// `apt-cache madison` text; what is no numbered, released cloud flavour is left out.
std::vector<ArchivedKernel> parse_madison(std::string_view text);
// The newest that is `version` or begins with it and a dot.
std::optional<ArchivedKernel> choose_kernel(const std::vector<ArchivedKernel>& kernels,
                                            const std::string& version);

}  // namespace rmaplab
