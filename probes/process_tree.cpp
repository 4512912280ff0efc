// SPDX-License-Identifier: GPL-2.0-only
#include "probes/process_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <limits>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

Result<pid_t> parse_pid(std::string_view text)
{
  const auto pid = parse_u64(text);
  if (!pid || *pid == 0 || *pid > std::numeric_limits<pid_t>::max())
    return Error{.code = Errc::usage, .context = fmt::format("\"{}\" is no PID", text)};
  return static_cast<pid_t>(*pid);
}

Result<ProcessStat> parse_process_stat(std::string_view text)
{
  const auto reject = [&] {
    return Error{.code = Errc::parse, .context = fmt::format("stat: bad line: {}", trim(text))};
  };
  const std::size_t open = text.find('(');
  const std::size_t close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return reject();
  const auto pid = parse_u64(trim(text.substr(0, open)));
  // Counted from the third field, the state.
  const auto words = split_blanks(trim(text.substr(close + 1)));
  if (!pid || words.size() < 20 || words[0].size() != 1)
    return reject();
  const auto ppid = parse_u64(words[1]);
  const auto start = parse_u64(words[19]);
  if (!ppid || !start)
    return reject();
  return ProcessStat{.pid = static_cast<pid_t>(*pid),
                     .comm = std::string(text.substr(open + 1, close - open - 1)),
                     .state = words[0][0],
                     .ppid = static_cast<pid_t>(*ppid),
                     .start_ticks = *start};
}

Result<ProcessStat> read_process_stat(const std::string& proc_root, pid_t pid)
{
  const auto text = read_file(fmt::format("{}/{}/stat", proc_root, pid));
  if (text)
    return parse_process_stat(*text);
  Error error = text.error();
  if (error.sys_errno == ENOENT || error.sys_errno == ESRCH)
    error = {.code = Errc::os, .context = fmt::format("process {}", pid), .sys_errno = ESRCH};
  return error;
}

Result<std::vector<ProcessStat>> read_processes(const std::string& proc_root)
{
  std::vector<ProcessStat> processes;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(proc_root, error)) {
    const auto pid = parse_u64(entry.path().filename().string());
    if (!pid)
      continue;
    auto stat = read_process_stat(proc_root, static_cast<pid_t>(*pid));
    if (stat)
      processes.push_back(*std::move(stat));
    else if (stat.error().sys_errno != ESRCH)
      return stat.error();
  }
  if (error)
    return Error{.code = Errc::os, .context = "list " + proc_root + ": " + error.message()};
  return processes;
}

std::vector<pid_t> with_descendants(const std::vector<ProcessStat>& processes,
                                    const std::vector<pid_t>& pids)
{
  std::vector<pid_t> found;
  const auto add = [&](pid_t pid, const auto& self) -> void {
    if (std::find(found.begin(), found.end(), pid) != found.end())
      return;
    found.push_back(pid);
    std::vector<ProcessStat> children;
    for (const auto& process : processes)
      if (process.ppid == pid)
        children.push_back(process);
    std::sort(children.begin(), children.end(), [](const ProcessStat& a, const ProcessStat& b) {
      return std::pair(a.start_ticks, a.pid) < std::pair(b.start_ticks, b.pid);
    });
    for (const auto& child : children)
      self(child.pid, self);
  };
  for (const pid_t pid : pids)
    add(pid, add);
  return found;
}

}  // namespace rmaplab
