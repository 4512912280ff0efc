// SPDX-License-Identifier: GPL-2.0-only
// Whole files and folders of our own: read, write, replace atomically.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

// Whole file, also of /proc and /sys, whose size reads as 0.
Result<std::string> read_file(const std::filesystem::path& path);
// The part of a growing file from `offset` on, `most_bytes` of it at most: who writes may be
// faster. Empty when nothing is new.
Result<std::string> read_from(const std::filesystem::path& path, std::uint64_t offset,
                              std::uint64_t most_bytes);
// As OutputFile: readers see the old or the new file, never half of one. A full disk leaves the
// old one.
Result<> write_file(const std::filesystem::path& path, std::string_view content);
// Adds to its end; made when it is not there. Never through a link.
Result<> append_file(const std::filesystem::path& path, std::string_view content);
// One write to a file that is there, as those of /proc and /sys want it: a setting.
Result<> write_setting(const std::filesystem::path& path, std::string_view value);
Result<> make_directories(const std::filesystem::path& path);

// A folder that is removed with everything in it when its owner goes.
class TempDir
{
 public:
  // Below $TMPDIR, else /tmp.
  static Result<TempDir> create(const std::string& prefix);
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();
  const std::filesystem::path& path() const { return path_; }

 private:
  explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

// A folder and no link, of this user, that nobody else writes to or replaces (his own group may).
bool is_ours_alone(const std::filesystem::path& folder);

// $XDG_CACHE_HOME/rmaplab where that is absolute, else .cache/rmaplab in $HOME, else in the home
// that the password database names for this user. To look at; nothing says whose it is.
std::filesystem::path cache_directory();
// The same, made where it is not there, for what is believed or run: Errc::usage where it is not
// ours alone.
Result<std::filesystem::path> own_cache_directory();
// The folder that holds the running program.
std::filesystem::path program_directory();
// Bytes as lower-case hexadecimal digits.
std::string hex(std::string_view bytes);

}  // namespace rmaplab
