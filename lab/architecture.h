// SPDX-License-Identifier: GPL-2.0-only
// The architectures the lab has guests of, by the names that others give them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct Architecture {
  std::string_view name;        // Debian's, and of the build preset: "arm64"
  std::string_view machine;     // `uname -m`, QEMU's: "aarch64"
  std::uint16_t elf_machine;    // e_machine of its programs
  std::string_view boot_image;  // in a kernel build tree
  std::string_view libraries;   // Debian's folder in /lib and /usr/lib
};

// By Debian's name or the machine's; Errc::unsupported for one that the lab has no
// guests of.
Result<Architecture> find_architecture(std::string_view name);
std::vector<std::string> architecture_names();
// Debian's name of this machine's; `uname -m` where the lab has no guests of it.
std::string host_architecture();

// Where the programs of a guest come from.
struct GuestBuild {
  Architecture architecture;
  std::filesystem::path runner;
  std::filesystem::path sysroot;  // with its libraries; "" for this machine's own
};
// This machine's runner lies beside the program, another architecture's in the build
// folder of its preset beside this one's. Errc::unsupported names the command that
// builds it.
Result<GuestBuild> guest_build(const Architecture& architecture);

}  // namespace rmaplab
