// SPDX-License-Identifier: GPL-2.0-only
// Sole owner of one file descriptor.
#pragma once

#include <unistd.h>

#include <utility>

namespace rmaplab
{

// Empty after being moved from.
class UniqueFd
{
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept
  {
    reset(other.release());
    return *this;
  }
  ~UniqueFd() { reset(); }
  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  void reset(int fd = -1)
  {
    // Linux frees the number even when close() reports an error: never retry.
    if (const int old = std::exchange(fd_, fd); old >= 0 && old != fd)
      ::close(old);
  }

 private:
  int fd_ = -1;
};

}  // namespace rmaplab
