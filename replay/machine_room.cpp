// SPDX-License-Identifier: GPL-2.0-only
#include "replay/machine_room.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

// Nothing for "max", and for a file that is not there.
std::optional<std::uint64_t> number_in(const fs::path& path)
{
  const auto text = read_file(path);
  if (!text)
    return std::nullopt;
  return parse_u64(std::string_view(*text).substr(0, text->find_first_of("\n ")));
}

std::uint64_t left_of(std::uint64_t limit, std::uint64_t used)
{
  return limit - std::min(limit, used);
}

// Of a cgroup: page cache that nobody has used for a while makes room.
std::uint64_t inactive_file_bytes(const fs::path& cgroup, std::string_view name)
{
  const auto text = read_file(cgroup / "memory.stat");
  if (!text)
    return 0;
  for (const auto line : split(*text, '\n'))
    if (line.substr(0, name.size()) == name)
      return parse_u64(line.substr(name.size())).value_or(0);
  return 0;
}

void look_at_cgroup(const fs::path& cgroup, const std::string& name, MachineRoom& room)
{
  auto narrow = [&](std::optional<std::uint64_t> limit, std::optional<std::uint64_t> used,
                    std::uint64_t reclaimable, std::uint64_t& left, std::string& of) {
    if (!limit || !used)
      return;
    const std::uint64_t here = left_of(*limit, left_of(*used, reclaimable));
    if (here >= left)
      return;
    left = here;
    of = "the cgroup " + name;
  };
  narrow(number_in(cgroup / "memory.max"), number_in(cgroup / "memory.current"),
         inactive_file_bytes(cgroup, "inactive_file "), room.memory_bytes, room.memory_of);
  narrow(number_in(cgroup / "memory.limit_in_bytes"), number_in(cgroup / "memory.usage_in_bytes"),
         inactive_file_bytes(cgroup, "total_inactive_file "), room.memory_bytes, room.memory_of);
  narrow(number_in(cgroup / "pids.max"), number_in(cgroup / "pids.current"), 0, room.tasks,
         room.tasks_of);
}

// "ID:CONTROLLERS:PATH", where controllers are none for version 2.
void look_at_cgroups(const fs::path& root, MachineRoom& room)
{
  const auto text = read_file(root / "proc/self/cgroup");
  if (!text)
    return;
  const fs::path mounted = root / "sys/fs/cgroup";
  for (const auto line : split(*text, '\n')) {
    const auto parts = split(line, ':');
    if (parts.size() < 3)
      continue;
    std::vector<fs::path> hierarchies = {mounted / std::string(parts[1])};
    if (parts[1].empty())
      hierarchies = {mounted, mounted / "unified"};
    else if (parts[1] != "memory" && parts[1] != "pids")
      continue;
    std::string below(line.substr(parts[0].size() + parts[1].size() + 2));
    for (;;) {  // limits of those above hold as well
      for (const fs::path& hierarchy : hierarchies)
        look_at_cgroup(fs::path(hierarchy.string() + below), below, room);
      if (below.size() <= 1)
        break;
      below.resize(std::max<std::size_t>(below.rfind('/'), 1));
    }
  }
}

}  // namespace

HugePages parse_huge_pages(std::string_view text)
{
  if (text.find("[always]") != std::string_view::npos)
    return HugePages::always;
  return text.find("[never]") != std::string_view::npos ? HugePages::never : HugePages::advised;
}

MachineRoom read_machine_room(const fs::path& root)
{
  MachineRoom room;
  if (const auto text = read_file(root / "proc/meminfo"))
    room.memory_bytes = meminfo_bytes(*text, "MemAvailable").value_or(UINT64_MAX);
  if (const auto text = read_file(root / "sys/kernel/mm/transparent_hugepage/enabled"))
    room.huge_pages = parse_huge_pages(*text);
  else
    room.huge_pages = HugePages::never;
  // Tasks that are there: the fourth field of loadavg, "RUNNING/ALL".
  std::uint64_t now = 0;
  if (const auto text = read_file(root / "proc/loadavg")) {
    const auto fields = split(*text, ' ');
    if (fields.size() > 3)
      if (const auto slash = fields[3].find('/'); slash != std::string_view::npos)
        now = parse_u64(fields[3].substr(slash + 1)).value_or(0);
  }
  for (const char* limit : {"threads-max", "pid_max"})
    if (const auto most = number_in(root / "proc/sys/kernel" / limit))
      room.tasks = std::min(room.tasks, left_of(*most, now));
  struct rlimit limit = {};
  // root is exempt (copy_process(), kernel/fork.c)
  if (::geteuid() != 0 && ::getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur < room.tasks) {
    room.tasks = limit.rlim_cur;
    room.tasks_of = "RLIMIT_NPROC";
  }
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
    room.open_files = limit.rlim_max;
  look_at_cgroups(root, room);
  return room;
}

std::optional<std::string> lack_of_room(const TraceNeeds& needs, std::uint64_t copies,
                                        const MachineRoom& room)
{
  const std::uint64_t wanted = needs.memory_bytes();
  const std::uint64_t rows = needs.rows * kReplayRowBytes;
  const std::uint64_t room_for_all = room.memory_bytes / 4 * 3;
  if (rows > room_for_all || wanted > (room_for_all - rows) / copies)
    return fmt::format(
        "a replay takes up to {} MiB{} and {} MiB for its {} rows, more than three "
        "quarters of the {} MiB that {} has left",
        wanted >> 20, copies > 1 ? fmt::format(" x {}", copies) : "", rows >> 20, needs.rows,
        room.memory_bytes >> 20, room.memory_of);
  // Each process has threads of which one is itself.
  const std::uint64_t tasks = needs.peak_threads * copies;
  if (tasks > room.tasks)
    return fmt::format(
        "a replay takes up to {} processes and threads at a time, more than the {} "
        "that {} has left",
        tasks, room.tasks, room.tasks_of);
  // Beside the trace's: standard ones, the player, its program, one for each copy.
  constexpr std::uint64_t kOwn = 64;
  const std::uint64_t files = needs.files + copies + kOwn;
  if (files > room.open_files)
    return fmt::format("a replay holds {} files open, more than the {} that RLIMIT_NOFILE allows",
                       files, room.open_files);
  return std::nullopt;
}

}  // namespace rmaplab
