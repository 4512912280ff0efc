// SPDX-License-Identifier: GPL-2.0-only
// A setting of the kernel for as long as a workload needs it.
#pragma once

#include <filesystem>
#include <string>
#include <utility>

#include "base/result.h"

namespace rmaplab
{

// Gives the setting its old value back with its owner. A workload that is killed cannot:
// then session/settings_guard.h does, for the settings of its table.
class SystemSetting
{
 public:
  // Errc::unsupported names the file that is missing or may not be written. What can be
  // chosen from ("always [madvise] never") is restored to the word in brackets.
  static Result<SystemSetting> set(const std::filesystem::path& path, const std::string& value);
  SystemSetting(SystemSetting&& other) noexcept
      : path_(std::exchange(other.path_, {})), before_(std::move(other.before_))
  {
  }
  SystemSetting& operator=(SystemSetting&&) = delete;
  ~SystemSetting();

 private:
  SystemSetting(std::filesystem::path path, std::string before)
      : path_(std::move(path)), before_(std::move(before))
  {
  }
  std::filesystem::path path_;
  std::string before_;
};

}  // namespace rmaplab
