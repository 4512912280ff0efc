// SPDX-License-Identifier: GPL-2.0-only
#include "session/settings_record.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

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
// What workloads and checks of ours change. What else is otherwise at the next start is somebody's
// decision.
constexpr const char* kChanged =
    "/proc/sys/vm/max_map_count,/proc/sys/kernel/numa_balancing,/sys/kernel/mm/ksm/*,"
    "/sys/kernel/mm/transparent_hugepage/hugepages-*,/sys/kernel/debug/sched/numa_balancing/*";

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

struct Record {
  fs::path file;
  pid_t pid = 0;
  std::uint64_t start = 0;  // of that process
  bool lives = false;
  std::string settings;
};

std::vector<Record> records_in(const fs::path& folder)
{
  std::vector<Record> all;
  if (!may_be_believed(folder))
    return all;
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
    const auto start = owner.size() == 2 ? parse_u64(owner[1]) : std::nullopt;
    if (pid && start)
      all.push_back({.file = entry.path(),
                     .pid = static_cast<pid_t>(*pid),
                     .start = *start,
                     .lives = start_of(static_cast<pid_t>(*pid)) == *start,
                     .settings = text->substr(end + 1)});
  }
  std::sort(all.begin(), all.end(),
            [](const Record& a, const Record& b) { return a.start < b.start; });
  return all;
}

}  // namespace

Result<SettingsRecord> SettingsRecord::keep(const fs::path& folder, const SettingsGuard& settings)
{
  if (::mkdir(folder.c_str(), 0700) < 0 && !may_be_believed(folder))
    return Error{.code = Errc::usage,
                 .context = folder.string() + " cannot be made, or is not ours alone"};
  SettingsRecord record(folder / fmt::format("settings.{}", ::getpid()));
  std::string text = fmt::format("{} {}\n", ::getpid(), start_of(::getpid()));
  const std::string all = settings.text();
  for (const auto line : lines_of(all))
    if (const auto words = split_blanks(line);
        words.size() > 1 && (words[0] != "value" || glob_match(kChanged, std::string(words[1]))))
      text += std::string(line) + '\n';
  if (auto written = write_file(record.file_, text); !written)
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
  const auto records = records_in(folder);
  const bool somebody_lives =
      std::any_of(records.begin(), records.end(), [](const Record& one) { return one.lives; });
  bool first = true;
  for (const Record& record : records) {
    if (record.lives || somebody_lives)
      continue;
    // The oldest knows how things were before any of them.
    if (std::exchange(first, false))
      restored = SettingsGuard::from_text(root, record.settings).restore();
    ::unlink(record.file.c_str());
  }
  return restored;
}

bool SettingsRecord::another_lives(const fs::path& folder)
{
  const auto records = records_in(folder);
  return std::any_of(records.begin(), records.end(),
                     [](const Record& one) { return one.lives && one.pid != ::getpid(); });
}

SettingsGuard SettingsRecord::before(const fs::path& folder, const std::string& root)
{
  for (const Record& record : records_in(folder))
    if (record.lives)
      return SettingsGuard::from_text(root, record.settings);
  return SettingsGuard::take(root);
}

}  // namespace rmaplab
