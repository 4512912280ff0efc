// SPDX-License-Identifier: GPL-2.0-only
#include "probes/slab.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

// Names that share one merged cache; empty when the cache stands alone. SLUB shows
// a merged cache as a link to a folder whose name begins with ':' (mm/slub.c,
// create_unique_id()).
std::string merged_into(const std::string& sys_root, const std::string& cache)
{
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::path(sys_root) / "kernel/slab";
  const fs::path target = fs::read_symlink(folder / cache, error);
  if (error || target.filename().string().rfind(':', 0) != 0)
    return {};
  std::string others;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    std::error_code ignored;
    const std::string name = entry.path().filename();
    if (name != cache && entry.is_symlink(ignored) &&
        fs::read_symlink(entry.path(), ignored).filename() == target.filename())
      others += (others.empty() ? "" : ", ") + name;
  }
  return others.empty() ? target.filename().string() : others;
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
    if (!active || !total || !bytes)
      return Error{.code = Errc::parse, .context = fmt::format("slabinfo: bad line: {}", line)};
    return SlabUsage{
        .cache = cache, .active_objects = *active, .total_objects = *total, .object_bytes = *bytes};
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
    if (!text) {
      const int error = text.error().sys_errno;
      const bool rights = error == EACCES || error == EPERM;
      usage.emplace_back(
          Error{.code = Errc::unsupported,
                .context = rights ? "/proc/slabinfo needs root"
                                  : "no /proc/slabinfo: the kernel lacks CONFIG_SLUB_DEBUG"});
    } else if (const std::string others = merged_into(sys_root, cache); !others.empty()) {
      usage.emplace_back(Error{
          .code = Errc::unsupported,
          .context =
              fmt::format("cache {} is merged with {}; boot with slab_nomerge", cache, others)});
    } else {
      usage.push_back(parse_slabinfo(*text, cache));
    }
  }
  return usage;
}

void shrink_cache(const std::string& sys_root, const std::string& cache)
{
  UniqueFd fd(
      ::open((sys_root + "/kernel/slab/" + cache + "/shrink").c_str(), O_WRONLY | O_CLOEXEC));
  if (fd && ::write(fd.get(), "1\n", 2) < 0)
    return;  // without the right to shrink the reading after it is coarser, not wrong
}

}  // namespace rmaplab
