// SPDX-License-Identifier: GPL-2.0-only
#include "probes/lock_stat.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

constexpr std::string_view kVersionLine = "lock_stat version 0.4";

// Numbers of the line, in the columns that the header names.
class Columns
{
 public:
  Columns(std::string_view header, std::string_view numbers)
      : names_(split_blanks(header)), values_(split_blanks(numbers))
  {
    names_.erase(names_.begin(), names_.begin() + 2);  // "class name"
  }
  template <typename T>
  T get(std::string_view name, std::optional<T> (*parse)(std::string_view))
  {
    const auto place = std::ranges::find(names_, name) - names_.begin();
    const auto index = static_cast<std::size_t>(place);
    const auto value = index < values_.size() && index < names_.size() ? parse(values_[index])
                                                                       : std::optional<T>();
    if (!value && missing_.empty())
      missing_ = name;
    return value.value_or(T{});
  }
  std::uint64_t count(std::string_view name)
  {
    return get<std::uint64_t>(name, [](std::string_view text) { return parse_u64(text); });
  }
  LockTimes times(const std::string& what)
  {
    const auto get_us = [&](const char* part) { return get<double>(what + part, parse_double); };
    return {.min_us = get_us("-min"),
            .max_us = get_us("-max"),
            .total_us = get_us("-total"),
            .avg_us = get_us("-avg")};
  }
  const std::string& missing() const { return missing_; }  // first column without a number

 private:
  std::vector<std::string_view> names_;
  std::vector<std::string_view> values_;
  std::string missing_;
};

Result<> write_word(const std::string& path, std::string_view word)
{
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), word.data(), word.size()) < 0)
    return os_error("write to " + path);
  return ok();
}

}  // namespace

Result<LockStat> parse_lock_stat(std::string_view text, const std::string& lock_class)
{
  const auto lines = lines_of(text);
  if (lines.empty() || lines[0] != kVersionLine)
    return Error{.code = Errc::parse,
                 .context = fmt::format("lock_stat: first line is not \"{}\"", kVersionLine)};
  std::string_view header;
  for (const auto line : lines) {
    const auto content = trim(line);
    if (content.starts_with("class name ")) {
      header = content;
      continue;
    }
    // "&anon_vma->rwsem-W:   46   84 ..."; lines of single call sites have no colon there.
    if (!content.starts_with(lock_class + ":"))
      continue;
    if (header.empty())
      return Error{.code = Errc::parse, .context = "lock_stat: no header line"};
    Columns columns(header, content.substr(lock_class.size() + 1));
    LockStat stat{.lock_class = lock_class,
                  .contentions = columns.count("contentions"),
                  .wait = columns.times("waittime"),
                  .acquisitions = columns.count("acquisitions"),
                  .hold = columns.times("holdtime")};
    if (!columns.missing().empty())
      return Error{
          .code = Errc::parse,
          .context = fmt::format("lock_stat: no number in column {}: {}", columns.missing(), line)};
    return stat;
  }
  return Error{.code = Errc::unsupported, .context = "lock_stat: no class " + lock_class};
}

Result<LockStat> read_lock_stat(const std::string& proc_root, const std::string& lock_class)
{
  const auto text = read_file(proc_root + "/lock_stat");
  if (!text) {
    const int error = text.error().sys_errno;
    return Error{.code = Errc::unsupported,
                 .context = error == ENOENT
                                ? "no /proc/lock_stat: the kernel lacks CONFIG_LOCK_STAT"
                                : to_string(text.error())};
  }
  return parse_lock_stat(*text, lock_class);
}

Result<bool> clear_lock_stat(const std::string& proc_root)
{
  const std::string counting = proc_root + "/sys/kernel/lock_stat";
  const auto before = read_file(counting);
  if (!before)
    return before.error();
  if (auto on = write_word(counting, "1"); !on)
    return on.error();
  if (auto cleared = write_word(proc_root + "/lock_stat", "0"); !cleared)
    return cleared.error();
  return trim(*before) != "0";
}

Result<> stop_lock_stat(const std::string& proc_root)
{
  return write_word(proc_root + "/sys/kernel/lock_stat", "0");
}

Capability lock_stat_capability(const std::string& proc_root)
{
  Capability capability{.probe = "lock_stat", .reason = "acquisitions, waits and hold times"};
  const auto stat = read_lock_stat(proc_root, kAnonVmaLockClasses[0]);
  // No line for the class yet: nobody took it since the last clear, or nothing is counted.
  if (stat || to_string(stat.error()) == "lock_stat: no class " + kAnonVmaLockClasses[0]) {
    const auto counting = read_file(proc_root + "/sys/kernel/lock_stat");
    if (counting && trim(*counting) == "0") {
      capability.state = Capability::State::partly;
      capability.reason = "the kernel does not count at the moment";
      capability.remedy = "sysctl kernel.lock_stat=1";
    }
    return capability;
  }
  capability.state = Capability::State::not_here;
  capability.reason = to_string(stat.error());
  capability.remedy = "root and a kernel with CONFIG_LOCK_STAT";
  return capability;
}

}  // namespace rmaplab
