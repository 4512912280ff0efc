// SPDX-License-Identifier: GPL-2.0-only
#include "base/files.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <optional>
#include <vector>

#include "base/guardian.h"
#include "base/output_file.h"
#include "base/regular_file.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

Error too_long(const fs::path& path, std::uint64_t most_bytes)
{
  return {.code = Errc::parse,
          .context = path.string() + " has more than the " + std::to_string(most_bytes) +
                     " bytes that are read"};
}

// From where `fd` stands to its end; `expected` bytes, as far as that is known.
Result<std::string> read_rest(const UniqueFd& fd, const fs::path& path, std::uint64_t most_bytes,
                              std::uint64_t expected)
{
  std::string content;
  content.reserve(expected);
  std::vector<char> buffer(1 << 16);
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return os_error("read " + path.string());
    if (got == 0)
      return content;
    if (static_cast<std::uint64_t>(got) > most_bytes - content.size())
      return too_long(path, most_bytes);
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<> write_all(const UniqueFd& fd, std::string_view content, const std::string& action)
{
  while (!content.empty()) {
    const ssize_t put = ::write(fd.get(), content.data(), content.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return os_error(action);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  return ok();
}

}  // namespace

Result<std::string> read_from(const fs::path& path, std::uint64_t offset, std::uint64_t most_bytes)
{
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return os_error("open " + path.string());
  std::string content;
  std::vector<char> buffer(1 << 16);
  while (content.size() < most_bytes) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), most_bytes - content.size());
    const ssize_t got =
        ::pread(fd.get(), buffer.data(), wanted, static_cast<off_t>(offset + content.size()));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return os_error("read " + path.string());
    if (got == 0)
      break;
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return content;
}

Result<UniqueFd> open_regular_file(const fs::path& path, std::uint64_t most_bytes)
{
  // O_NONBLOCK: to open a pipe without a writer would wait for one.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd)
    return os_error("open " + path.string());
  struct stat status = {};
  if (::fstat(fd.get(), &status) < 0)
    return os_error("look at " + path.string());
  if (!S_ISREG(status.st_mode))
    return Error{.code = Errc::usage, .context = path.string() + " is not a regular file"};
  if (static_cast<std::uint64_t>(status.st_size) > most_bytes)
    return too_long(path, most_bytes);
  return fd;
}

Result<std::string> read_regular_file(const fs::path& path, std::uint64_t most_bytes)
{
  const auto fd = open_regular_file(path, most_bytes);
  if (!fd)
    return fd.error();
  struct stat status = {};
  const bool known = ::fstat(fd->get(), &status) == 0;
  return read_rest(*fd, path, most_bytes, known ? static_cast<std::uint64_t>(status.st_size) : 0);
}

Result<std::string> read_file(const fs::path& path)
{
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return os_error("open " + path.string());
  return read_rest(fd, path, std::numeric_limits<std::uint64_t>::max(), 0);
}

Result<> write_file(const fs::path& path, std::string_view content)
{
  auto file = OutputFile::create(path);
  if (!file)
    return file.error();
  if (auto written = file->write(content); !written)
    return written;
  return file->finish();
}

Result<> append_file(const fs::path& path, std::string_view content)
{
  const UniqueFd fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd)
    return os_error("open " + path.string());
  return write_all(fd, content, "write " + path.string());
}

Result<> write_setting(const fs::path& path, std::string_view value)
{
  // O_TRUNC means nothing there, and makes it right for the plain files of tests.
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
  if (!fd || ::write(fd.get(), value.data(), value.size()) < 0)
    return os_error("write " + path.string());
  return ok();
}

Result<> make_directories(const fs::path& path)
{
  std::error_code error;
  fs::create_directories(path, error);
  if (error)
    return Error{
        .code = Errc::os, .context = "create folder " + path.string(), .sys_errno = error.value()};
  return ok();
}

Result<TempDir> TempDir::create(const std::string& prefix)
{
  const char* parent = std::getenv("TMPDIR");
  const fs::path folder = fs::absolute(parent && *parent ? parent : "/tmp");
  std::string pattern = folder / (prefix + "XXXXXX");
  if (!::mkdtemp(pattern.data()))
    return os_error("create folder " + pattern);
  guard_folder(pattern);
  return TempDir(pattern);
}

TempDir::~TempDir()
{
  if (path_.empty())
    return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  release_folder(path_);
}

fs::path cache_directory()
{
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg && fs::path(xdg).is_absolute())
    return fs::path(xdg) / "rmaplab";
  const char* home = std::getenv("HOME");
  const auto is_absolute = [&] { return home && fs::path(home).is_absolute(); };
  if (const auto* entry = is_absolute() ? nullptr : ::getpwuid(::geteuid()))
    home = entry->pw_dir;
  return fs::path(is_absolute() ? home : "/nonexistent") / ".cache" / "rmaplab";
}

namespace
{

// This user, root, and whoever has /: root under the number that a user namespace shows.
bool is_trusted(uid_t owner)
{
  struct stat top = {};
  return owner == ::geteuid() || owner == 0 || (::stat("/", &top) == 0 && owner == top.st_uid);
}

// Whether only these say what the names in a folder are. In one that is sticky, as /tmp, a name
// stays its owner's.
bool names_are_safe(const struct stat& folder)
{
  const bool others = (folder.st_mode & S_IWOTH) != 0;
  const bool group =
      (folder.st_mode & S_IWGRP) != 0 && folder.st_gid != ::getegid() && folder.st_gid != 0;
  return is_trusted(folder.st_uid) && ((!others && !group) || (folder.st_mode & S_ISVTX) != 0);
}

// The first folder on the way to `path`, itself not among them, in which another user can put
// another thing in the place of the next one; nothing where there is none.
std::optional<fs::path> unsafe_above(const fs::path& path)
{
  fs::path on_the_way;
  for (const fs::path& name : path.parent_path()) {
    on_the_way /= name;
    struct stat entry = {};
    struct stat folder = {};
    if (::lstat(on_the_way.c_str(), &entry) < 0 || ::stat(on_the_way.c_str(), &folder) < 0)
      return std::nullopt;  // not made yet
    // A sticky folder keeps a link for who made it.
    if (!names_are_safe(folder) || !is_trusted(entry.st_uid))
      return on_the_way;
  }
  return std::nullopt;
}

// As it is written and as it is without links: either could be another's.
std::optional<fs::path> unsafe_on_the_way(const fs::path& folder)
{
  std::error_code error;
  const fs::path written = fs::absolute(folder, error).lexically_normal();
  if (auto unsafe = unsafe_above(written))
    return unsafe;
  return unsafe_above(fs::weakly_canonical(written, error));
}

}  // namespace

bool is_ours_alone(const fs::path& folder)
{
  struct stat about = {};
  return ::lstat(folder.c_str(), &about) == 0 && S_ISDIR(about.st_mode) &&
         about.st_uid == ::geteuid() && (about.st_mode & S_IWOTH) == 0 &&
         ((about.st_mode & S_IWGRP) == 0 || about.st_gid == ::getegid()) &&
         !unsafe_on_the_way(folder);
}

Result<fs::path> own_cache_directory()
{
  const fs::path folder = cache_directory();
  const auto refuse = [&](const std::string& why) {
    return Error{.code = Errc::usage,
                 .context = "the cache " + folder.string() + why +
                            ": nothing in it is used; XDG_CACHE_HOME names another place"};
  };
  // Before anything is made there.
  if (const auto unsafe = unsafe_on_the_way(folder))
    return refuse(" lies in " + unsafe->string() +
                  ", which is another user's, or others may write to it");
  if (auto made = make_directories(folder); !made)
    return Error{.code = Errc::usage,
                 .context = to_string(made.error()) + "; XDG_CACHE_HOME names another place"};
  if (is_ours_alone(folder))
    return folder;
  std::error_code error;
  if (fs::is_symlink(folder, error))
    return refuse(" is a link");
  return refuse(" is another user's, or others may write to it");
}

fs::path program_directory()
{
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path(".") : program.parent_path();
}

std::string hex(std::string_view bytes)
{
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace rmaplab
