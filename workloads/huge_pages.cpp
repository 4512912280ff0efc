// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/huge_pages.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <cerrno>

#include "base/files.h"
#include "base/text.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{
constexpr int kMadvCollapse = 25;  // MADV_COLLAPSE; not in older libc headers
}

Result<HugePagesAllowed> HugePagesAllowed::create()
{
  if (::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0) < 0)
    return Error{.code = Errc::unsupported,
                 .context = "huge pages cannot be allowed again (PR_SET_THP_DISABLE)"};
  return HugePagesAllowed();
}

HugePagesAllowed::~HugePagesAllowed()
{
  if (owner_)
    ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

int collapse(char* block)
{
  constexpr int kMostTries = 8;
  for (int tries = 1;; ++tries) {
    const int result = ::madvise(block, pmd_size(), kMadvCollapse);
    if (result == 0 || errno != EAGAIN || tries == kMostTries)
      return result;
    ::sched_yield();
  }
}

Error collapse_error()
{
  if (errno == EINVAL)
    return {.code = Errc::unsupported,
            .context =
                "MADV_COLLAPSE is refused: no such call, or not of a block without a "
                "writable entry (SCAN_PAGE_RO)"};
  return os_error("madvise(MADV_COLLAPSE)");
}

Result<std::uint64_t> huge_bytes()
{
  const auto text = read_file("/proc/self/smaps_rollup");
  if (!text)
    return Error{.code = Errc::unsupported, .context = "no /proc/self/smaps_rollup"};
  for (const auto line : lines_of(*text))
    if (const auto words = split_blanks(line); words.size() > 1 && words[0] == "AnonHugePages:")
      return parse_u64(words[1]).value_or(0) * 1024;
  return Error{.code = Errc::unsupported, .context = "smaps_rollup without AnonHugePages"};
}

}  // namespace rmaplab
