// SPDX-License-Identifier: GPL-2.0-only
// Settings as they were before a process that may be killed, in a file while it lives: what was
// not put back then is put back by the next start. In /run, which is gone when the settings are.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "session/settings_guard.h"

namespace rmaplab
{

class SettingsRecord
{
 public:
  static constexpr const char* kFolder = "/run/rmaplab";

  // Of this process. `folder` is made, and must be ours alone (Errc::usage).
  static Result<SettingsRecord> keep(const std::filesystem::path& folder,
                                     const SettingsGuard& settings);
  void remove() const;
  // Whether another process has a record and lives: settings that change may be its.
  static bool another_lives(const std::filesystem::path& folder);
  // Settings before any living process changed one: of the oldest record, else as they are now.
  static SettingsGuard before(const std::filesystem::path& folder, const std::string& root);

  // Puts back what the records of processes that are no more say, and removes them: lines as of
  // SettingsGuard::restore(), nothing where there is no such folder or it is not ours alone.
  static std::vector<std::string> restore_all(const std::filesystem::path& folder,
                                              const std::string& root);

 private:
  explicit SettingsRecord(std::filesystem::path file) : file_(std::move(file)) {}
  std::filesystem::path file_;
};

}  // namespace rmaplab
