// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/ksm.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>

#include <cerrno>
#include <string>

#include "base/files.h"
#include "base/text.h"
#include "base/ticks.h"
#include "workloads/arena.h"
#include "workloads/system_setting.h"

namespace rmaplab
{

namespace
{

const std::string kKsm = "/sys/kernel/mm/ksm/";
constexpr std::uint64_t kPatienceNs = 20'000'000'000u;

}  // namespace

Result<std::uint64_t> merged_pages_of_ours()
{
  const auto text = read_file("/proc/self/ksm_merging_pages");
  const auto count = text ? parse_u64(trim(*text)) : std::nullopt;
  if (!count)
    return Error{.code = Errc::unsupported,
                 .context = "no /proc/self/ksm_merging_pages: merges cannot be told"};
  return *count;
}

Result<> drive_ksmd(std::uint64_t wanted)
{
  const auto eager = SystemSetting::set(kKsm + "sleep_millisecs", "0");
  if (!eager)
    return eager.error();
  const auto awake = SystemSetting::set(kKsm + "run", "1");
  if (!awake)
    return awake.error();
  for (const std::uint64_t begin = monotonic_ns();;) {
    const auto merged = merged_pages_of_ours();
    if (!merged)
      return merged.error();
    if (*merged == wanted)
      return ok();
    if (monotonic_ns() - begin > kPatienceNs)
      return Error{.code = Errc::os,
                   .context = fmt::format("{} pages of ours are merged after {} s of ksmd, not {}",
                                          *merged, kPatienceNs / 1'000'000'000u, wanted)};
    ::sched_yield();
  }
}

Result<> make_mergeable(char* at, std::size_t pages)
{
  if (::madvise(at, pages * page_size(), MADV_MERGEABLE) == 0)
    return ok();
  return errno == EINVAL ? Error{.code = Errc::unsupported, .context = "the kernel has no KSM"}
                         : os_error("madvise(MADV_MERGEABLE)");
}

}  // namespace rmaplab
