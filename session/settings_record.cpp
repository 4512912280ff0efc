// SPDX-License-Identifier: GPL-2.0-only
#include "session/settings_record.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "probes/process_tree.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::uint64_t kMostBytes = 1 << 20;

bool may_be_believed(const fs::path& folder)
{
  std::error_code error;
  return !fs::is_symlink(folder, error) && is_ours_alone(folder);
}

// When it began, in clock ticks since boot: a number that was given again is another process.
// 0: there is none, or it is dead and waits for its parent.
std::uint64_t start_of(pid_t pid)
{
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid));
  const auto after = stat ? stat->rfind(')') : std::string::npos;
  if (after == std::string::npos)
    return 0;
  // starttime is field 22 (proc_pid_stat(5)), the state after the name is field 3.
  const auto fields = split_blanks(std::string_view(*stat).substr(after + 1));
  return fields.size() > 19 && fields[0] != "Z" && fields[0] != "X"
             ? parse_u64(fields[19]).value_or(0)
             : 0;
}

}  // namespace

Result<SettingsRecord> SettingsRecord::keep(const fs::path& folder, const SettingsGuard& settings)
{
  if (::mkdir(folder.c_str(), 0700) < 0 && !may_be_believed(folder))
    return Error{.code = Errc::usage,
                 .context = folder.string() + " cannot be made, or is not ours alone"};
  SettingsRecord record(folder / fmt::format("settings.{}", ::getpid()));
  const std::string owner = fmt::format("{} {}\n", ::getpid(), start_of(::getpid()));
  if (auto written = write_file(record.file_, owner + settings.text()); !written)
    return written.error();
  return record;
}

void SettingsRecord::remove() const
{
  ::unlink(file_.c_str());
}

std::vector<std::string> SettingsRecord::restore_all(const fs::path& folder,
                                                     const std::string& root)
{
  std::vector<std::string> restored;
  if (!may_be_believed(folder))
    return restored;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (!entry.path().filename().string().starts_with("settings."))
      continue;
    const auto text = read_regular_file(entry.path(), kMostBytes);
    const auto end = text ? text->find('\n') : std::string::npos;
    if (end == std::string::npos)
      continue;
    const auto owner = split_blanks(std::string_view(*text).substr(0, end));
    const auto pid = owner.size() == 2 ? parse_i64(owner[0]) : std::nullopt;
    if (!pid || start_of(static_cast<pid_t>(*pid)) == parse_u64(owner[1]))
      continue;
    for (auto& line : SettingsGuard::from_text(root, text->substr(end + 1)).restore())
      restored.push_back(std::move(line));
    ::unlink(entry.path().c_str());
  }
  return restored;
}

}  // namespace rmaplab
