// SPDX-License-Identifier: GPL-2.0-only
// The guest's file system: our runner as init, the libraries it needs, the command
// it is to run. Byte-identical for the same inputs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "lab/architecture.h"

namespace rmaplab
{

struct ImageFile {
  std::string path;     // in the guest, without the leading '/'
  std::string content;  // bytes
  bool executable = false;
};

// The shared libraries, loader included, that a program of this machine needs, as
// its own loader resolves them; empty for a static one. Errc::usage when it is no
// ELF program or a library is missing.
Result<std::vector<std::filesystem::path>> libraries_of(const std::filesystem::path& program);

// Pure. What an ELF program or library says of itself; Errc::usage when the bytes are
// none of 64 bits in little-endian order or are cut off.
struct ElfFacts {
  std::uint16_t machine = 0;        // e_machine
  std::string loader;               // "" for a library and a static program
  std::vector<std::string> needed;  // names of libraries, in order
};
Result<ElfFacts> elf_facts(const std::string& name, std::string_view bytes);

// The same for a program or library of another architecture, which no loader can list
// here: all that it needs and they need in turn, as files below `sysroot`, looked for in
// the folders of that architecture where Debian's loader looks.
Result<std::vector<std::filesystem::path>> libraries_in(const std::filesystem::path& sysroot,
                                                        const Architecture& architecture,
                                                        const std::filesystem::path& program);

// Reads the program and its libraries; the program appears as `guest_path`,
// libraries under their own paths, in the sysroot where the build has one.
Result<std::vector<ImageFile>> program_files(const std::filesystem::path& program,
                                             const std::string& guest_path,
                                             const GuestBuild& build = {});

// A cpio archive in "newc" form (Documentation/driver-api/early-userspace/
// buffer-format.rst), uncompressed, with the folders the files need and the mount
// points of the guest. Same files, same bytes: no times, no owners, sorted. Of two
// files with one path the first counts.
Result<std::string> build_initramfs(std::vector<ImageFile> files);

}  // namespace rmaplab
