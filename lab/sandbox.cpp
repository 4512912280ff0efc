// SPDX-License-Identifier: GPL-2.0-only
#include "lab/sandbox.h"

#include <fmt/format.h>

#include <cstdlib>
#include <initializer_list>

#include "base/process.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

// Keys and passwords at their usual places: other users' are not readable without capabilities, but
// root's own are root's. In a home where there is no slash.
constexpr const char* kHidden[] = {
    "/etc/shadow",      "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/ssh",  ".ssh",
    "/etc/ssl/private", ".gnupg",       ".netrc",       ".aws",          ".config/gh"};

}  // namespace

std::vector<std::string> Sandbox::wrap(const std::vector<std::string>& command,
                                       const Folders& folders) const
{
  std::vector<std::string> argv = {"bwrap",         "--unshare-all", "--die-with-parent",
                                   "--new-session", "--cap-drop",    "ALL"};
  const auto add = [&](std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words);
  };
  add({"--ro-bind", "/", "/", "--dev", "/dev"});
  // Read-only as a whole: what of /proc/sys root may write it may without any capability
  // (proc_sys_permission() of fs/proc/proc_sysctl.c), and bubblewrap 0.8 leaves it open to root.
  add({"--proc", "/proc", "--remount-ro", "/proc", "--tmpfs", "/sys"});
  // Sockets of daemons that do as root asks are open on a read-only file system too.
  add({"--tmpfs", "/run"});
  const char* home = std::getenv("HOME");
  std::error_code error;
  for (const fs::path hidden : kHidden) {
    const fs::path path = hidden.is_absolute() ? hidden : fs::path(home ? home : "/root") / hidden;
    if (fs::is_directory(path, error))
      add({"--tmpfs", path});
    else if (fs::exists(path, error))
      add({"--ro-bind", "/dev/null", path});
  }
  add({"--setenv", "HOME", "/dev/shm", "--setenv", "TMPDIR", "/dev/shm", "--chdir", "/"});
  for (const fs::path& folder : folders.readable)
    add({"--ro-bind", folder, folder});
  for (const fs::path& folder : folders.writable)
    add({"--bind", folder, folder});
  argv.insert(argv.end(), command.begin(), command.end());
  return argv;
}

Result<Sandbox> Sandbox::find()
{
  const auto unsupported = [](const std::string& why) {
    return Error{.code = Errc::unsupported, .context = why};
  };
  if (!find_program("bwrap"))
    return unsupported("no bwrap (Debian: apt-get install bubblewrap)");
  Sandbox sandbox;
  const auto version = ask_program({.argv = {"bwrap", "--version"}});
  if (!version)
    return version.error();
  sandbox.name_ = trim(version->out);
  const auto tried = ask_program({.argv = sandbox.wrap({"true"}, {})});
  if (!tried)
    return tried.error();
  if (tried->wait_status != 0)
    return unsupported(
        fmt::format("{} does not work here: {}", sandbox.name_, trim(last_lines(tried->err, 1))));
  return sandbox;
}

}  // namespace rmaplab
