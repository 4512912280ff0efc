// SPDX-License-Identifier: GPL-2.0-only
#include "session/settings_guard.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <glob.h>
#include <sys/swap.h>
#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

// Files that are settings and nothing else: no counters, no triggers. `*` as in glob(7).
constexpr const char* kSettings[] = {
    // Documentation/admin-guide/mm/ksm.rst. pages_to_scan: see below.
    "/sys/kernel/mm/ksm/run",
    "/sys/kernel/mm/ksm/sleep_millisecs",
    "/sys/kernel/mm/ksm/pages_to_scan",
    "/sys/kernel/mm/ksm/merge_across_nodes",
    "/sys/kernel/mm/ksm/max_page_sharing",
    "/sys/kernel/mm/ksm/stable_node_chains_prune_millisecs",
    "/sys/kernel/mm/ksm/use_zero_pages",
    "/sys/kernel/mm/ksm/smart_scan",
    "/sys/kernel/mm/ksm/advisor_mode",
    "/sys/kernel/mm/ksm/advisor_m*_*",
    "/sys/kernel/mm/ksm/advisor_target_scan_time",
    // Documentation/admin-guide/mm/transhuge.rst
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/kernel/mm/transparent_hugepage/defrag",
    "/sys/kernel/mm/transparent_hugepage/shmem_enabled",
    "/sys/kernel/mm/transparent_hugepage/use_zero_page",
    "/sys/kernel/mm/transparent_hugepage/shrink_underused",
    "/sys/kernel/mm/transparent_hugepage/khugepaged/defrag",
    "/sys/kernel/mm/transparent_hugepage/khugepaged/*_millisecs",
    "/sys/kernel/mm/transparent_hugepage/khugepaged/pages_to_scan",
    "/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_*",
    "/sys/kernel/mm/transparent_hugepage/hugepages-*/enabled",
    "/sys/kernel/mm/transparent_hugepage/hugepages-*/shmem_enabled",
    "/sys/kernel/mm/lru_gen/enabled",
    "/sys/kernel/mm/numa/demotion_enabled",
    // Documentation/admin-guide/sysctl/vm.rst and kernel.rst
    "/proc/sys/vm/max_map_count",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/overcommit_ratio",
    "/proc/sys/vm/overcommit_kbytes",
    "/proc/sys/vm/compaction_proactiveness",
    "/proc/sys/vm/compact_unevictable_allowed",
    "/proc/sys/vm/unprivileged_userfaultfd",
    "/proc/sys/vm/swappiness",
    "/proc/sys/vm/page-cluster",
    "/proc/sys/vm/nr_hugepages",
    "/proc/sys/vm/nr_overcommit_hugepages",
    "/proc/sys/kernel/numa_balancing",
    "/proc/sys/kernel/perf_event_paranoid",
    // Documentation/scheduler/sched-debug.rst
    "/sys/kernel/debug/sched/numa_balancing/scan_*",
};
constexpr const char* kAdvisorMode = "/sys/kernel/mm/ksm/advisor_mode";
constexpr const char* kAdvised = "/sys/kernel/mm/ksm/pages_to_scan";

// Workloads make their groups below the root of a hierarchy, under this name.
constexpr const char* kCgroups[] = {"/sys/fs/cgroup/rmaplab*", "/sys/fs/cgroup/*/rmaplab*"};

std::vector<std::string> matches(const std::string& root, const std::string& pattern)
{
  glob_t found = {};
  std::vector<std::string> paths;
  if (::glob((root + pattern).c_str(), GLOB_NOSORT, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i)
      paths.push_back(std::string(found.gl_pathv[i]).substr(root.size()));
  ::globfree(&found);
  return paths;
}

// Without the 64 KiB buffer of read_file(): some sixty of these follow each case.
std::optional<std::string> read_setting(const std::string& path)
{
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[4096];
  const ssize_t got = fd ? ::read(fd.get(), text, sizeof text) : -1;
  if (got < 0)
    return std::nullopt;
  return std::string(text, static_cast<std::size_t>(got));
}

std::string ending(bool restored)
{
  return restored ? "; restored" : "; not restored: " + to_string(os_error("writing"));
}

std::map<std::string, int> swaps_below(const std::string& root)
{
  const auto text = read_setting(root + "/proc/swaps");
  return text ? parse_swaps(*text) : std::map<std::string, int>{};
}

std::set<std::string> cgroups_below(const std::string& root)
{
  std::set<std::string> all;
  for (const char* pattern : kCgroups)
    for (const auto& path : matches(root, pattern))
      all.insert(path);
  return all;
}

// A cgroup is removed as an empty folder, whatever files it shows; its own groups first.
bool remove_cgroup(const std::filesystem::path& path)
{
  std::error_code error;
  std::vector<std::filesystem::path> folders = {path};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, error))
    if (entry.is_directory(error))
      folders.push_back(entry.path());
  std::sort(folders.rbegin(), folders.rend());
  bool all = true;
  for (const auto& folder : folders)
    all = ::rmdir(folder.c_str()) == 0 && all;
  return all;
}

}  // namespace

std::map<std::string, int> parse_swaps(std::string_view text)
{
  std::map<std::string, int> swaps;
  for (const auto line : lines_of(text))
    if (const auto cells = split_blanks(line); cells.size() == 5)
      if (const auto priority = parse_i64(cells[4]))  // not the headings
        swaps[std::string(cells[0])] = static_cast<int>(*priority);
  return swaps;
}

SettingsGuard SettingsGuard::take(const std::string& root)
{
  SettingsGuard guard;
  guard.root_ = root;
  for (const char* pattern : kSettings)
    for (const auto& path : matches(root, pattern))
      if (const auto text = read_setting(root + path))
        guard.values_[path] = setting_value(*text);
  // The advisor sets it to what it thinks best.
  if (const auto mode = guard.values_.find(kAdvisorMode);
      mode != guard.values_.end() && mode->second != "none")
    guard.values_.erase(kAdvised);
  guard.swaps_ = swaps_below(root);
  guard.cgroups_ = cgroups_below(root);
  return guard;
}

std::string SettingsGuard::text() const
{
  std::string text;
  for (const auto& [path, value] : values_)
    text += fmt::format("value {} {}\n", path, value);
  for (const auto& [path, priority] : swaps_)
    text += fmt::format("swap {} {}\n", path, priority);
  for (const auto& path : cgroups_)
    text += fmt::format("cgroup {}\n", path);
  return text;
}

SettingsGuard SettingsGuard::from_text(const std::string& root, std::string_view text)
{
  SettingsGuard guard;
  guard.root_ = root;
  for (const auto line : lines_of(text)) {
    const auto words = split_blanks(line);
    if (words.size() < 2)
      continue;
    const std::string path(words[1]);
    if (words[0] == "value" && (path.starts_with("/proc/sys/") || path.starts_with("/sys/")) &&
        path.find("..") == std::string::npos && words.size() > 2)
      guard.values_[path] = line.substr(line.find(path) + path.size() + 1);
    else if (words[0] == "swap" && words.size() == 3 && parse_i64(words[2]))
      guard.swaps_[path] = static_cast<int>(*parse_i64(words[2]));
    else if (words[0] == "cgroup")
      guard.cgroups_.insert(path);
  }
  return guard;
}

std::vector<std::string> SettingsGuard::restore() const
{
  std::vector<std::string> changed;
  for (const auto& [path, was] : values_) {
    const auto text = read_setting(root_ + path);
    const std::string is = text ? setting_value(*text) : was;
    if (is != was)
      changed.push_back(fmt::format("{} at {}, was {}{}", path, is, was,
                                    ending(static_cast<bool>(write_setting(root_ + path, was)))));
  }
  const auto swaps = swaps_below(root_);
  for (const auto& [path, priority] : swaps)
    if (!swaps_.count(path))
      changed.push_back(fmt::format("swap on {}{}", path, ending(::swapoff(path.c_str()) == 0)));
  for (const auto& [path, priority] : swaps_) {
    const int flags = priority < 0 ? 0 : SWAP_FLAG_PREFER | (priority & SWAP_FLAG_PRIO_MASK);
    if (!swaps.count(path))
      changed.push_back(
          fmt::format("swap off {}{}", path, ending(::swapon(path.c_str(), flags) == 0)));
  }
  for (const auto& path : cgroups_below(root_))
    if (!cgroups_.count(path))
      changed.push_back(fmt::format("cgroup {}{}", path, ending(remove_cgroup(root_ + path))));
  return changed;
}

}  // namespace rmaplab
