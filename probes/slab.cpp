// SPDX-License-Identifier: GPL-2.0-only
#include "probes/slab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

// Why a cache's line cannot be had or is not its own, and what would help.
struct Obstacle {
  std::string reason;
  std::string remedy;
};

std::optional<Obstacle> obstacle(const Result<std::string>& slabinfo, const std::string& sys_root,
                                 const std::string& cache)
{
  if (!slabinfo) {
    const int error = slabinfo.error().sys_errno;
    if (error == EACCES || error == EPERM)
      return Obstacle{.reason = "/proc/slabinfo needs root",
                      .remedy = "run as root, outside of a container"};
    return Obstacle{.reason = "no /proc/slabinfo", .remedy = "CONFIG_SLUB_DEBUG=y"};
  }
  const auto others = merged_with(sys_root, cache);
  if (!others)
    return Obstacle{.reason = to_string(others.error()), .remedy = "mount sysfs at /sys"};
  if (others->empty())
    return std::nullopt;
  return Obstacle{
      .reason = fmt::format("cache {} is merged with {}", cache, fmt::join(*others, ", ")),
      .remedy = "boot with slab_nomerge to tell them apart"};
}

UniqueFd open_shrink(const std::string& sys_root, const std::string& cache)
{
  const std::string file = sys_root + "/kernel/slab/" + cache + "/shrink";
  return UniqueFd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
}

}  // namespace

Result<SlabUsage> parse_slabinfo(std::string_view text, const std::string& cache)
{
  const auto lines = lines_of(text);
  if (lines.empty() || lines[0] != "slabinfo - version: 2.1")
    return Error{.code = Errc::parse,
                 .context = "slabinfo: first line is not \"slabinfo - version: 2.1\""};
  for (const auto line : lines) {
    const auto words = split_blanks(line);
    if (words.empty() || words[0] != cache)
      continue;
    const auto number = [&](std::size_t i) {
      return i < words.size() ? parse_u64(words[i]) : std::nullopt;
    };
    const auto active = number(1);
    const auto total = number(2);
    const auto bytes = number(3);
    const auto pages = number(5);
    const auto slabs = number(14);  // after "<pagesperslab> : tunables A B C : slabdata D"
    if (!active || !total || !bytes || !pages || !slabs)
      return Error{.code = Errc::parse, .context = fmt::format("slabinfo: bad line: {}", line)};
    return SlabUsage{.cache = cache,
                     .active_objects = *active,
                     .total_objects = *total,
                     .object_bytes = *bytes,
                     .slabs = *slabs,
                     .pages_per_slab = *pages};
  }
  return Error{.code = Errc::unsupported, .context = "slabinfo: no cache " + cache};
}

std::vector<Result<SlabUsage>> read_slab_usage(const std::string& proc_root,
                                               const std::string& sys_root,
                                               const std::vector<std::string>& caches)
{
  const auto text = read_file(proc_root + "/slabinfo");
  std::vector<Result<SlabUsage>> usage;
  for (const auto& cache : caches) {
    if (const auto problem = obstacle(text, sys_root, cache))
      usage.emplace_back(
          Error{.code = Errc::unsupported, .context = problem->reason + "; " + problem->remedy});
    else
      usage.push_back(parse_slabinfo(*text, cache));
  }
  return usage;
}

Result<std::vector<std::string>> merged_with(const std::string& sys_root, const std::string& cache)
{
  namespace fs = std::filesystem;
  const fs::path folder = fs::path(sys_root) / "kernel/slab";
  std::error_code error;
  if (!fs::exists(folder / cache, error))
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("no {} to tell what the cache is merged with",
                                        (folder / cache).string())};
  std::vector<std::string> others;
  const fs::path target = fs::read_symlink(folder / cache, error).filename();
  if (error || target.string().rfind(':', 0) != 0)
    return others;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code no_link;
    const std::string name = entry.path().filename();
    if (name != cache && fs::read_symlink(entry.path(), no_link).filename() == target)
      others.push_back(name);
  }
  if (error)
    return Error{
        .code = Errc::os, .context = "list " + folder.string(), .sys_errno = error.value()};
  std::sort(others.begin(), others.end());
  return others;
}

Capability slab_capability(const std::string& proc_root, const std::string& sys_root,
                           const std::string& cache)
{
  Capability capability{.probe = "slab " + cache};
  const auto text = read_file(proc_root + "/slabinfo");
  if (const auto problem = obstacle(text, sys_root, cache)) {
    capability.state = Capability::State::not_here;
    capability.reason = problem->reason;
    capability.remedy = problem->remedy;
  } else if (const auto usage = parse_slabinfo(*text, cache); !usage) {
    capability.state = Capability::State::not_here;
    capability.reason = to_string(usage.error());
  } else if (!open_shrink(sys_root, cache)) {
    capability.state = Capability::State::partly;
    capability.reason = "objects of the per-CPU stock count as used: " +
                        to_string(os_error("open its shrink file"));
    capability.remedy = "root, and a writable /sys";
  } else {
    capability.reason = fmt::format("from /proc/slabinfo; {} bytes an object", usage->object_bytes);
  }
  return capability;
}

void shrink_cache(const std::string& sys_root, const std::string& cache)
{
  const UniqueFd fd = open_shrink(sys_root, cache);
  if (fd && ::write(fd.get(), "1\n", 2) < 0)
    return;  // without the right to shrink the reading after it is coarser, not wrong
}

std::vector<Result<SlabUsage>> read_settled_slab_usage()
{
  // Lets RCU callbacks and workers of what came before finish; free in the exact lab.
  constexpr struct timespec kPause = {.tv_sec = 0, .tv_nsec = 50'000'000};
  ::nanosleep(&kPause, nullptr);
  auto shrink = [] {
    for (const auto& cache : kRmapCaches)
      shrink_cache("/sys", cache);
  };
  // A reading may itself allocate: a page of ours touched for the first time takes an
  // AVC, whose slab stays with the CPU, and all objects of that slab count as used
  // (128 for 42 AVCs on 6.19, 102 on 7.0). The second reading touches nothing new. One
  // shrink is not enough where a cache has sheaves (6.18 on): their objects go to slabs
  // that the same call has passed already.
  shrink();
  read_slab_usage("/proc", "/sys", kRmapCaches);
  shrink();
  shrink();
  return read_slab_usage("/proc", "/sys", kRmapCaches);
}

}  // namespace rmaplab
