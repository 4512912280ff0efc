// SPDX-License-Identifier: GPL-2.0-only
// A file that is written for somebody else to read: there as a whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rmaplab
{

// Written under a temporary name beside its own, which is new and follows no link, and renamed when
// it is whole. A device, a pipe or a link that is there stays what it is: it is written into.
class OutputFile
{
 public:
  static Result<OutputFile> create(const std::filesystem::path& path);
  OutputFile(OutputFile&& other) noexcept
      : path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        fd_(std::move(other.fd_))
  {
  }
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // what is not finished is removed
  Result<> write(std::string_view text);
  Result<> finish();

 private:
  explicit OutputFile(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
  std::filesystem::path temporary_;  // "": written into path_ itself
  UniqueFd fd_;
};

}  // namespace rmaplab
