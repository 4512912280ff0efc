// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_count.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

Result<VmaCount> count_vmas(std::string_view maps, AddressRange range)
{
  VmaCount count;
  for (const auto line : lines_of(maps)) {
    const auto ends = split(line.substr(0, line.find(' ')), '-');
    const auto begin = ends.size() == 2 ? parse_u64(ends[0], 16) : std::nullopt;
    if (!begin || !parse_u64(ends[1], 16))
      return Error{.code = Errc::parse,
                   .context = fmt::format("maps: line {} does not begin with a range: {}",
                                          count.all + 1, line)};
    ++count.all;
    if (*begin >= range.begin && *begin < range.end)
      ++count.in_range;
  }
  return count;
}

Result<VmaCount> read_vma_count(const std::string& proc_root, pid_t pid, AddressRange range)
{
  auto maps = read_file(fmt::format("{}/{}/maps", proc_root, pid));
  if (!maps)
    return maps.error();
  return count_vmas(*maps, range);
}

}  // namespace rmaplab
