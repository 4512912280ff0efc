// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_list.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

namespace
{

// Equal texts have equal numbers, from 1.
class Numbers
{
 public:
  std::uint64_t of(std::string_view text)
  {
    return numbers_.try_emplace(std::string(text), numbers_.size() + 1).first->second;
  }

 private:
  std::map<std::string, std::uint64_t, std::less<>> numbers_;
};

Error no_smaps(std::size_t line, const std::string& what)
{
  return {.code = Errc::parse, .context = fmt::format("smaps:{}: {}", line, what)};
}

// "7f00-8000 rw-p 00000000 00:00 0    [heap]"
bool parse_head(std::string_view line, std::uint64_t page_size, Numbers& files, Numbers& names,
                VmaLook& vma)
{
  const auto words = split_blanks(line);
  if (words.size() < 5 || words[1].size() != 4)
    return false;
  const auto dash = words[0].find('-');
  if (dash == std::string_view::npos)
    return false;
  const auto begin = parse_u64(words[0].substr(0, dash), 16);
  const auto end = parse_u64(words[0].substr(dash + 1), 16);
  const auto offset = parse_u64(words[2], 16);
  if (!begin || !end || !offset || *begin >= *end)
    return false;
  vma = {};
  vma.begin = *begin;
  vma.end = *end;
  const std::string_view perms = words[1];
  vma.prot = (perms[0] == 'r' ? PROT_READ : 0u) | (perms[1] == 'w' ? PROT_WRITE : 0u) |
             (perms[2] == 'x' ? PROT_EXEC : 0u);
  const std::string_view name = words.size() > 5 ? words[5] : std::string_view();
  for (const std::string_view prefix : {"[anon:", "[anon_shmem:"})
    if (name.substr(0, prefix.size()) == prefix)
      vma.name = names.of(line.substr(line.find(prefix)));
  if (words[4] != "0") {
    vma.file = files.of(fmt::format("{} {}", words[3], words[4]));
    vma.page_offset = *offset / page_size;
    return true;
  }
  // The offset of private anonymous memory is not shown (fs/proc/task_mmu.c, show_map_vma()):
  // that of where it is, unless mremap() moved it after it was written.
  vma.page_offset = *begin / page_size;
  return true;
}

}  // namespace

Result<VmaList> parse_smaps(std::string_view smaps, std::uint64_t page_size)
{
  VmaList list;
  Numbers files;
  Numbers names;
  std::size_t number = 0;
  bool in_gate = false;
  bool flags_seen = true;
  for (const std::string_view line : lines_of(smaps)) {
    ++number;
    const auto colon = line.find(':');
    const auto blank = line.find(' ');
    if (colon == std::string_view::npos || (blank != std::string_view::npos && blank < colon)) {
      VmaLook vma;
      if (!parse_head(line, page_size, files, names, vma))
        return no_smaps(number, "expected a mapping");
      if (!flags_seen)
        return Error{.code = Errc::unsupported, .context = "smaps has no VmFlags"};
      in_gate = vma.begin >> 63;
      flags_seen = in_gate;
      if (!in_gate)
        list.vmas.push_back(vma);
      continue;
    }
    if (list.vmas.empty() && !in_gate)
      return no_smaps(number, "expected a mapping first");
    if (in_gate)
      continue;
    VmaLook& vma = list.vmas.back();
    const std::string_view key = line.substr(0, colon);
    const auto words = split_blanks(line.substr(colon + 1));
    if (key == "ProtectionKey" && !words.empty())
      vma.key = static_cast<std::uint32_t>(parse_u64(words[0]).value_or(0));
    if (key != "VmFlags")
      continue;
    flags_seen = true;
    for (const std::string_view code : words) {
      if (code == "rd" || code == "wr" || code == "ex")
        continue;
      if (const auto flag = vma_flag(code))
        vma.flags |= bit(*flag);
      else
        ++list.unknown_flags;
    }
    vma.anon_vma_known = vma.flags & bit(VmaFlag::shared);
  }
  if (!flags_seen)
    return Error{.code = Errc::unsupported, .context = "smaps has no VmFlags"};
  return list;
}

void add_policies(VmaList& list, std::string_view numa_maps)
{
  Numbers policies;
  for (const std::string_view line : lines_of(numa_maps)) {
    const auto words = split_blanks(line);
    const auto begin = words.size() < 2 ? std::nullopt : parse_u64(words[0], 16);
    if (!begin)
      continue;
    list.policies_known = true;
    const auto at = std::lower_bound(
        list.vmas.begin(), list.vmas.end(), *begin,
        [](const VmaLook& vma, std::uint64_t address) { return vma.begin < address; });
    if (at != list.vmas.end() && at->begin == *begin && words[1] != "default")
      at->policy = policies.of(words[1]);
  }
}

void add_anon_vmas(VmaList& list, const ForestProcess& process)
{
  for (const ForestVma& seen : process.vmas) {
    const auto at = std::lower_bound(
        list.vmas.begin(), list.vmas.end(), seen.start,
        [](const VmaLook& vma, std::uint64_t address) { return vma.begin < address; });
    if (at == list.vmas.end() || at->begin != seen.start || at->end != seen.end)
      continue;
    at->anon_vma_known = true;
    at->anon_vma = seen.anon_vma.value_or(0);
    at->inherited = seen.chain.size() > 1;
    if (seen.mapping == Mapping::anon)
      at->page_offset = seen.pgoff;
  }
}

Result<VmaList> read_vma_list(const std::string& proc_root, pid_t pid)
{
  const auto smaps = read_file(fmt::format("{}/{}/smaps", proc_root, pid));
  if (!smaps)
    return smaps.error();
  auto list = parse_smaps(*smaps, static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  if (!list)
    return list.error();
  // Without CONFIG_NUMA there is none, and no policy either.
  if (const auto numa = read_file(fmt::format("{}/{}/numa_maps", proc_root, pid)))
    add_policies(*list, *numa);
  return list;
}

}  // namespace rmaplab
