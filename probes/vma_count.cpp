// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_count.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

// "HEX-HEX " at the beginning of a line. No allocation: there are lines by the ten thousand.
std::optional<AddressRange> parse_range(std::string_view line)
{
  AddressRange range;
  const char* const last = line.data() + line.size();
  const auto begin = std::from_chars(line.data(), last, range.begin, 16);
  if (begin.ec != std::errc() || begin.ptr == last || *begin.ptr != '-')
    return std::nullopt;
  const auto end = std::from_chars(begin.ptr + 1, last, range.end, 16);
  if (end.ec != std::errc() || (end.ptr != last && *end.ptr != ' '))
    return std::nullopt;
  return range;
}

// Calls visit(AddressRange) for each line; `number` counts them.
template <typename Visit>
Result<> for_each_vma(std::string_view maps, std::uint64_t& number, const Visit& visit)
{
  while (!maps.empty()) {
    const std::string_view line = maps.substr(0, maps.find('\n'));
    maps.remove_prefix(std::min(line.size() + 1, maps.size()));
    ++number;
    const auto vma = parse_range(line);
    if (!vma)
      return Error{
          .code = Errc::parse,
          .context = fmt::format("maps: line {} does not begin with a range: {}", number, line)};
    visit(*vma);
  }
  return ok();
}

// The same for a process. Piece by piece: a text of some MB would be a mapping more in the
// very process that is counted, where that is our own.
template <typename Visit>
Result<> for_each_vma_of(const std::string& proc_root, pid_t pid, const Visit& visit)
{
  const std::string path = fmt::format("{}/{}/maps", proc_root, pid);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return os_error("open " + path);
  char buffer[1 << 15];  // more than a line can have: PATH_MAX, each byte as \ooo
  std::size_t held = 0;
  std::uint64_t number = 0;
  for (;;) {
    if (held == sizeof buffer)
      return Error{.code = Errc::parse, .context = path + ": a line without an end"};
    const ssize_t got = ::read(fd.get(), buffer + held, sizeof buffer - held);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return os_error("read " + path);
    held += static_cast<std::size_t>(got);
    const std::string_view text(buffer, held);
    const std::size_t whole = got == 0 ? held : text.rfind('\n') + 1;
    if (auto read = for_each_vma(text.substr(0, whole), number, visit); !read || got == 0)
      return read;
    held -= whole;
    std::memmove(buffer, buffer + whole, held);
  }
}

bool contains(AddressRange range, std::uint64_t address)
{
  return address >= range.begin && address < range.end;
}

bool in_kernel_half(std::uint64_t address)
{
  return address >> 63 != 0;
}

void add_vma(VmaCount& count, AddressRange vma, AddressRange range)
{
  ++count.all;
  count.map_count += in_kernel_half(vma.begin) ? 0 : 1;
  count.in_range += contains(range, vma.begin) ? 1 : 0;
}

bool process_is_gone(const Error& error)
{
  return error.sys_errno == ENOENT || error.sys_errno == ESRCH;
}

// Parent from /proc/PID/stat, "PID (NAME) STATE PPID ..."; the name may hold anything.
std::optional<pid_t> parse_parent(std::string_view stat)
{
  const auto name_end = stat.rfind(')');
  if (name_end == std::string_view::npos)
    return std::nullopt;
  const auto words = split_blanks(stat.substr(name_end + 1));
  const auto parent = words.size() > 1 ? parse_u64(words[1]) : std::nullopt;
  if (!parent)
    return std::nullopt;
  return static_cast<pid_t>(*parent);
}

// From stat, not task/TID/children: that takes CONFIG_PROC_CHILDREN.
Result<std::vector<pid_t>> process_tree(const std::string& proc_root, pid_t root)
{
  namespace fs = std::filesystem;
  std::multimap<pid_t, pid_t> children;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(proc_root, error)) {
    const auto pid = parse_u64(entry.path().filename().string());
    if (!pid)
      continue;
    const auto stat = read_file(entry.path() / "stat");
    if (!stat && process_is_gone(stat.error()))
      continue;
    if (!stat)
      return stat.error();
    const auto parent = parse_parent(*stat);
    if (!parent)
      return Error{.code = Errc::parse, .context = entry.path().string() + "/stat: no parent"};
    children.emplace(*parent, static_cast<pid_t>(*pid));
  }
  if (error)
    return Error{.code = Errc::os, .context = "list " + proc_root, .sys_errno = error.value()};
  std::vector<pid_t> tree = {root};
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const auto [first, last] = children.equal_range(tree[i]);
    for (auto child = first; child != last; ++child)
      tree.push_back(child->second);
  }
  return tree;
}

}  // namespace

Result<VmaCount> count_vmas(std::string_view maps, AddressRange range)
{
  VmaCount count;
  std::uint64_t number = 0;
  const auto read =
      for_each_vma(maps, number, [&](AddressRange vma) { add_vma(count, vma, range); });
  if (!read)
    return read.error();
  return count;
}

Result<VmaCount> read_vma_count(const std::string& proc_root, pid_t pid, AddressRange range)
{
  VmaCount count;
  const auto read =
      for_each_vma_of(proc_root, pid, [&](AddressRange vma) { add_vma(count, vma, range); });
  if (!read)
    return read.error();
  return count;
}

Result<std::vector<AddressRange>> read_vmas(const std::string& proc_root, pid_t pid,
                                            AddressRange range)
{
  std::vector<AddressRange> vmas;
  const auto read = for_each_vma_of(proc_root, pid, [&](AddressRange vma) {
    if (contains(range, vma.begin))
      vmas.push_back(vma);
  });
  if (!read)
    return read.error();
  return vmas;
}

Result<TreeVmas> read_tree_vmas(const std::string& proc_root, pid_t root, AddressRange range)
{
  const auto pids = process_tree(proc_root, root);
  if (!pids)
    return pids.error();
  TreeVmas tree;
  for (const pid_t pid : *pids) {
    const auto count = read_vma_count(proc_root, pid, range);
    if (!count && pid != root && process_is_gone(count.error()))
      continue;
    if (!count)
      return count.error();
    if (count->all == 0 && pid != root)  // a zombie, where that is not ESRCH
      continue;
    ++tree.processes;
    tree.vmas.all += count->all;
    tree.vmas.map_count += count->map_count;
    tree.vmas.in_range += count->in_range;
  }
  return tree;
}

Result<std::uint64_t> read_map_count_headroom(const std::string& proc_root, pid_t pid)
{
  const std::string limit_file = proc_root + "/sys/vm/max_map_count";
  const auto text = read_file(limit_file);
  if (!text)
    return text.error();
  const auto limit = parse_u64(trim(*text));
  if (!limit)
    return Error{.code = Errc::parse, .context = limit_file + ": no number"};
  const auto count = read_vma_count(proc_root, pid, {});
  if (!count)
    return count.error();
  return *limit - std::min(*limit, count->map_count);
}

}  // namespace rmaplab
