// SPDX-License-Identifier: GPL-2.0-only
// A bootable kernel: found by its spec, checked before anything tries to boot it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "lab/architecture.h"
#include "lab/progress.h"
#include "results/manifest.h"

namespace rmaplab
{

struct Kernel {
  std::string spec;     // as the user gave it
  std::string release;  // from the image itself: "7.0.13+deb13-cloud-amd64"
  Architecture architecture;
  std::string source;  // where it came from: Debian package and version, or a path
  std::string series;  // patches on that source, or taken off it, in words; "" for none
  // What of the whole configuration that was asked for it has otherwise, in words; "" where it was
  // made from fragments, or not by us.
  std::string config_otherwise;
  std::filesystem::path image;
  std::filesystem::path config;  // "" when it came without one
  // Its module brd, which is a guest's swap, as it came: compressed or not. "" when that is
  // built in, or not to be had.
  std::filesystem::path ram_disk;
  std::filesystem::path system_map;  // names of its functions; "" when it came without one
  std::string image_sha256;
  std::string config_sha256;  // "" without a config
};

struct KernelOptions {
  std::string mirror;  // of Debian's archive; "" takes the machine's own
  std::string architecture = host_architecture();  // as find_architecture() takes it
  bool offline = false;
};

// Key of the manifest of a built kernel for Kernel::config_otherwise.
inline constexpr const char* kConfigOtherwise = "build.config_otherwise";
// Key of the manifest of a built kernel for the SHA-256 of one of its files.
std::string built_checksum_key(const std::string& file);
// The manifest of a built kernel with the sum of its own other keys.
Manifest with_own_sum(Manifest manifest);
// Whether a folder that `rmaplab kernel build` made still holds the files that it put there.
// Errc::parse names the one that is another or cut; with `must_know` also one whose sum the
// manifest does not have, as those of an older rmaplab.
Result<> check_built_folder(const std::filesystem::path& folder, bool must_know);

// SPEC is debian:VERSION, an image, a kernel build tree, or a folder that build_kernel() made. May
// fetch packages (network, no root). Errc::usage for a spec that means nothing and for an image of
// another architecture than asked for, Errc::unsupported when it cannot be had here,
// Errc::parse for a bad image.
Result<Kernel> find_kernel(const std::string& spec, const KernelOptions& options,
                           const Notify& notify);

// Pure. Whether these are the bytes of an arm64 Image (Documentation/arch/arm64/booting.rst).
bool is_arm64_image(std::string_view bytes);
// Pure. The release in the bytes of an x86 bzImage (Documentation/arch/x86/boot.rst)
// or of an arm64 Image; Errc::parse says what is wrong: no kernel, cut off.
Result<std::string> check_image(const std::string& name, std::string_view bytes);

// Lower-case hexadecimal SHA-256.
std::string sha256(std::string_view bytes);

}  // namespace rmaplab
