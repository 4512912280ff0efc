// SPDX-License-Identifier: GPL-2.0-only
// Programs of a stranger's, as the Makefile of a kernel: run without rights over this machine.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

// Bubblewrap (bwrap(1)): all files read-only but the folders that are named, keys and passwords at
// their usual places hidden; no network, no other processes, no capabilities, no daemons' sockets
// in /run.
class Sandbox
{
 public:
  // Whether it works is found by running true(1) in it. Errc::unsupported with the reason, and
  // the package where it is not installed.
  static Result<Sandbox> find();

  struct Folders {
    std::vector<std::filesystem::path> readable;
    std::vector<std::filesystem::path> writable;
  };
  // The command line that runs `command` in it.
  std::vector<std::string> wrap(const std::vector<std::string>& command,
                                const Folders& folders) const;
  const std::string& name() const { return name_; }  // "bubblewrap 0.8.0"

 private:
  std::string name_;
};

}  // namespace rmaplab
