// SPDX-License-Identifier: GPL-2.0-only
#include "lab/sandbox.h"

#include <fmt/format.h>

#include "base/process.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

// Where a merged /usr has links and an older system folders.
constexpr const char* kSystem[] = {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};
// Of /etc what a compiler needs; keys and passwords stay outside.
constexpr const char* kSettings[] = {"/etc/alternatives", "/etc/ld.so.cache",    "/etc/ld.so.conf",
                                     "/etc/ld.so.conf.d", "/etc/passwd",         "/etc/group",
                                     "/etc/localtime",    "/etc/ssl/openssl.cnf"};

}  // namespace

std::vector<std::string> Sandbox::wrap(const std::vector<std::string>& command,
                                       const Folders& folders) const
{
  std::vector<std::string> argv = {"bwrap",         "--unshare-all", "--die-with-parent",
                                   "--new-session", "--cap-drop",    "ALL"};
  const auto add = [&](std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words);
  };
  add({"--ro-bind", "/usr", "/usr", "--ro-bind-try", "/opt", "/opt"});
  std::error_code error;
  for (const fs::path path : kSystem) {
    if (fs::is_symlink(path, error))
      add({"--symlink", fs::read_symlink(path, error), path});
    else if (fs::is_directory(path, error))
      add({"--ro-bind", path, path});
  }
  for (const char* path : kSettings)
    add({"--ro-bind-try", path, path});
  // Read-only as a whole: what of /proc/sys root may write it may without any capability
  // (proc_sys_permission() of fs/proc/proc_sysctl.c), and bubblewrap 0.8 leaves it open to root.
  add({"--proc", "/proc", "--remount-ro", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"});
  add({"--setenv", "HOME", "/tmp", "--setenv", "TMPDIR", "/tmp", "--chdir", "/"});
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
