// SPDX-License-Identifier: GPL-2.0-only
#include "probes/idle_time.h"

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

Result<std::uint64_t> parse_idle_ns(std::string_view timer_list)
{
  std::uint64_t sum = 0;
  bool found = false;
  for (const auto line : lines_of(timer_list)) {
    const auto words = split_blanks(line);  // ".idle_sleeptime : 12345 nsecs"
    if (words.empty() || words[0] != ".idle_sleeptime")
      continue;
    const auto ns = words.size() < 3 ? std::nullopt : parse_u64(words[2]);
    if (!ns)
      return Error{.code = Errc::parse,
                   .context = "timer_list: bad idle_sleeptime: " + std::string(line)};
    sum += *ns;
    found = true;
  }
  if (!found)
    return Error{.code = Errc::unsupported, .context = "timer_list: no idle_sleeptime"};
  return sum;
}

Result<std::uint64_t> read_idle_ns(const std::string& proc_root)
{
  auto text = read_file(proc_root + "/timer_list");
  if (!text)
    return text.error();
  return parse_idle_ns(*text);
}

}  // namespace rmaplab
