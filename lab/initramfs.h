// SPDX-License-Identifier: GPL-2.0-only
// The guest's file system: our runner as init, the libraries it needs, the command
// it is to run. Byte-identical for the same inputs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

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

// Reads the program and its libraries; the program appears as `guest_path`,
// libraries under their own paths.
Result<std::vector<ImageFile>> program_files(const std::filesystem::path& program,
                                             const std::string& guest_path);

// A cpio archive in "newc" form (Documentation/driver-api/early-userspace/
// buffer-format.rst), uncompressed, with the folders the files need and the mount
// points of the guest. Same files, same bytes: no times, no owners, sorted. Of two
// files with one path the first counts.
Result<std::string> build_initramfs(std::vector<ImageFile> files);

}  // namespace rmaplab
