// SPDX-License-Identifier: GPL-2.0-only
#include "base/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace rmaplab
{

namespace fs = std::filesystem;

Result<OutputFile> OutputFile::create(const fs::path& path)
{
  OutputFile file(path);
  struct stat there = {};
  if (::lstat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    file.fd_.reset(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY));
    if (!file.fd_)
      return os_error("open " + path.string());
    return file;
  }
  file.temporary_ = path.string() + "." + std::to_string(::getpid()) + ".tmp";
  ::unlink(file.temporary_.c_str());  // of a process of that number that was killed
  file.fd_.reset(
      ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file.fd_) {
    file.temporary_.clear();
    return os_error("create " + path.string());
  }
  return file;
}

OutputFile::~OutputFile()
{
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

Result<> OutputFile::write(std::string_view text)
{
  while (!text.empty()) {
    const ssize_t put = ::write(fd_.get(), text.data(), text.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return os_error("write " + path_.string());
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return ok();
}

Result<> OutputFile::finish()
{
  if (temporary_.empty())
    return ok();
  if (::fsync(fd_.get()) < 0)
    return os_error("sync " + path_.string());
  if (::rename(temporary_.c_str(), path_.c_str()) < 0)
    return os_error("rename to " + path_.string());
  temporary_.clear();
  return ok();
}

}  // namespace rmaplab
