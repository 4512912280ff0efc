// SPDX-License-Identifier: GPL-2.0-only
// git, run so that neither a user's settings nor those of a tree say what it does.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/process.h"
#include "base/result.h"

namespace rmaplab
{

struct GitRun {
  std::vector<std::string> arguments;
  // A folder of our own, which git then trusts whoever owns it. "": all that is read is the
  // user's, and git refuses a repository that is another user's (safe.directory), for its settings
  // name programs to run.
  std::filesystem::path ours;
  std::vector<std::string> environment;
  std::filesystem::path directory;  // where it is started; "": here
  int stdin_fd = -1;
};

// To its end; its status is the caller's to look at.
Result<CommandOutput> git_output(const GitRun& run, const std::function<void()>& waiting = {});
// What it printed, without blanks around it. Errc::os with its last line where it failed.
Result<std::string> run_git(const GitRun& run, const std::function<void()>& waiting = {});

}  // namespace rmaplab
