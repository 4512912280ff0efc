// SPDX-License-Identifier: GPL-2.0-only
#include "probes/anon_pages.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

#include "base/files.h"
#include "base/node_list.h"
#include "base/text.h"

namespace rmaplab
{

namespace
{

// Documentation/admin-guide/mm/pagemap.rst
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
constexpr std::uint64_t kFileOrShared = std::uint64_t{1} << 61;
constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55) - 1;
constexpr std::uint64_t kSwapType = 31;
// Types of swap entries from here on are no swap files' but markers, migration, poison: they
// take the upper ones of 32 (include/linux/swap.h, MAX_SWAPFILES), a dozen at most.
constexpr std::uint64_t kNoSwapFile = 16;

// include/uapi/linux/kernel-page-flags.h
constexpr std::uint64_t kAnon = std::uint64_t{1} << 12;
constexpr std::uint64_t kHugetlb = std::uint64_t{1} << 17;
constexpr std::uint64_t kKsm = std::uint64_t{1} << 21;
constexpr std::uint64_t kZero = std::uint64_t{1} << 24;

constexpr int kMostTries = 8;

std::uint64_t page_bytes()
{
  static const auto bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

using Places = std::vector<int>;  // the node of each page, or a negative errno

// With an empty `to` it only asks.
Result<Places> move_pages(pid_t pid, const std::vector<std::uint64_t>& addresses, const Places& to)
{
  std::vector<void*> pages;
  for (const std::uint64_t address : addresses)
    pages.push_back(reinterpret_cast<void*>(address));
  Places places(pages.size(), -EINVAL);
  if (::syscall(SYS_move_pages, pid, pages.size(), pages.data(), to.empty() ? nullptr : to.data(),
                places.data(), to.empty() ? 0 : MPOL_MF_MOVE_ALL) < 0)
    return errno == ENOSYS
               ? Error{.code = Errc::unsupported, .context = "the kernel has no move_pages(2)"}
               : os_error(fmt::format("move_pages of process {}", pid));
  return places;
}

struct Sent {
  std::vector<std::size_t> stay;
  std::vector<std::size_t> not_tried;
};

// Those of `pages` (places in `addresses`) that are not on the node that `to` says.
Result<Sent> send(pid_t pid, const std::vector<std::uint64_t>& addresses, const Places& to,
                  std::vector<std::size_t> pages)
{
  Sent sent;
  for (int tries = 0; tries < kMostTries && !pages.empty(); ++tries) {
    std::vector<std::uint64_t> some;
    Places there;
    for (const std::size_t page : pages) {
      some.push_back(addresses[page]);
      there.push_back(to[page]);
    }
    const auto moved = move_pages(pid, some, there);
    if (!moved)
      return moved.error();
    // Where they are now; the moving call may keep an older answer for a batch of pages.
    const auto now = move_pages(pid, some, {});
    if (!now)
      return now.error();
    std::vector<std::size_t> left;
    for (std::size_t i = 0; i < pages.size(); ++i) {
      if ((*now)[i] == there[i])
        continue;
      if ((*now)[i] < 0 && (*moved)[i] == there[i])
        sent.stay.push_back(pages[i]);  // it went, and its entry was not put back
      else if ((*now)[i] < 0 || (*moved)[i] == -ENOMEM)
        sent.not_tried.push_back(pages[i]);
      else
        left.push_back(pages[i]);
    }
    pages = std::move(left);
    constexpr struct timespec kPause = {.tv_sec = 0, .tv_nsec = 1'000'000};
    if (!pages.empty())
      ::nanosleep(&kPause, nullptr);
  }
  sent.stay.insert(sent.stay.end(), pages.begin(), pages.end());
  return sent;
}

Result<Places> nodes_with_memory()
{
  const auto text = read_file("/sys/devices/system/node/has_memory");
  const auto nodes = text ? parse_node_list(trim(*text)) : Places{0};  // no CONFIG_NUMA
  if (!nodes)
    return Error{.code = Errc::parse, .context = "list of NUMA nodes with memory"};
  if (nodes->size() < 2)
    return Error{.code = Errc::unsupported,
                 .context = "one NUMA node only: a page has nowhere to move"};
  return *nodes;
}

}  // namespace

PageKind page_kind(std::uint64_t entry)
{
  if (entry & kFileOrShared)
    return PageKind::none;
  if (entry & kPresent)
    return PageKind::anonymous;
  return entry & kSwapped && (entry & kSwapType) < kNoSwapFile ? PageKind::swapped : PageKind::none;
}

bool is_anonymous(std::uint64_t kpageflags)
{
  return (kpageflags & kAnon) && !(kpageflags & kZero);
}

bool is_walkable(std::uint64_t kpageflags, bool may_have_ksm)
{
  return is_anonymous(kpageflags) && !(kpageflags & kHugetlb) &&
         !(may_have_ksm && (kpageflags & kKsm));
}

Result<AnonPages> AnonPages::open(pid_t pid)
{
  UniqueFd pagemap(::open(fmt::format("/proc/{}/pagemap", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!pagemap)
    return errno == ENOENT ? Error{.code = Errc::unsupported,
                                   .context = fmt::format("no /proc/{}/pagemap", pid)}
                           : os_error(fmt::format("open /proc/{}/pagemap", pid));
  UniqueFd flags(::open("/proc/kpageflags", O_RDONLY | O_CLOEXEC));
  if (!flags)
    return Error{.code = Errc::unsupported,
                 .context = "/proc/kpageflags: root and CONFIG_PROC_PAGE_MONITOR"};
  // Linux 5.19; not there without CONFIG_KSM either.
  const auto merged = read_file(fmt::format("/proc/{}/ksm_merging_pages", pid));
  return AnonPages(std::move(pagemap), std::move(flags), !merged || trim(*merged) != "0");
}

Result<> AnonPages::entries(std::uint64_t begin, std::span<std::uint64_t> entries) const
{
  const auto got = ::pread(pagemap_.get(), entries.data(), entries.size_bytes(),
                           static_cast<off_t>(begin / page_bytes() * sizeof entries[0]));
  if (got == static_cast<ssize_t>(entries.size_bytes()))
    return ok();
  return got < 0 ? os_error("read pagemap")
                 : Error{.code = Errc::os, .context = "pagemap ends early: its process has ended"};
}

Result<std::uint64_t> AnonPages::flags_of(std::uint64_t entry) const
{
  const std::uint64_t frame = entry & kFrame;
  if (frame == 0)
    return Error{.code = Errc::unsupported,
                 .context = "pagemap hides page frame numbers: CAP_SYS_ADMIN"};
  std::uint64_t flags = 0;
  if (::pread(flags_.get(), &flags, sizeof flags, static_cast<off_t>(frame * sizeof flags)) !=
      sizeof flags)
    return os_error("read /proc/kpageflags");
  return flags;
}

Result<std::uint64_t> AnonPages::count(AddressRange range, std::uint64_t& most) const
{
  std::uint64_t found = 0;
  std::uint64_t buffer[512];
  while (range.begin < range.end && most > 0) {
    const std::uint64_t pages = std::min(
        {std::uint64_t{std::size(buffer)}, (range.end - range.begin) / page_bytes(), most});
    if (auto read = entries(range.begin, {buffer, static_cast<std::size_t>(pages)}); !read)
      return read.error();
    for (std::uint64_t i = 0; i < pages; ++i) {
      const PageKind kind = page_kind(buffer[i]);
      if (kind == PageKind::anonymous) {
        const auto flags = flags_of(buffer[i]);
        if (!flags)
          return flags.error();
        found += is_anonymous(*flags);
      }
      found += kind == PageKind::swapped;
    }
    range.begin += pages * page_bytes();
    most -= pages;
  }
  return found;
}

Result<std::vector<std::uint64_t>> AnonPages::walkable(AddressRange range, std::size_t most) const
{
  std::vector<std::uint64_t> found;
  std::uint64_t buffer[512];
  // Beyond some thousand pages without any it is not looked further: the range may be huge.
  constexpr std::uint64_t kMostRead = 16384;
  range.end = std::min(range.end, range.begin + kMostRead * page_bytes());
  while (range.begin < range.end && found.size() < most) {
    const std::uint64_t pages =
        std::min(std::uint64_t{std::size(buffer)}, (range.end - range.begin) / page_bytes());
    if (auto read = entries(range.begin, {buffer, static_cast<std::size_t>(pages)}); !read)
      return read.error();
    for (std::uint64_t i = 0; i < pages && found.size() < most; ++i) {
      if (page_kind(buffer[i]) != PageKind::anonymous)
        continue;
      const auto flags = flags_of(buffer[i]);
      if (!flags)
        return flags.error();
      if (is_walkable(*flags, may_have_ksm_))
        found.push_back(range.begin + i * page_bytes());
    }
    range.begin += pages * page_bytes();
  }
  return found;
}

Result<Walked> walk_pages(pid_t pid, const std::vector<std::uint64_t>& addresses)
{
  const auto nodes = nodes_with_memory();
  if (!nodes)
    return nodes.error();
  const auto home = move_pages(pid, addresses, {});
  if (!home)
    return home.error();
  Walked walked;
  Places away(addresses.size());
  std::vector<std::size_t> pages;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    away[i] = nodes->front() != (*home)[i] ? nodes->front() : (*nodes)[1];
    if ((*home)[i] >= 0)
      pages.push_back(i);
    else
      ++walked.not_tried;
  }
  const auto there = send(pid, addresses, away, pages);
  if (!there)
    return there.error();
  // All of them home again; for the ones that stayed there is nothing to do.
  const auto back = send(pid, addresses, *home, pages);
  if (!back)
    return back.error();
  std::vector<std::size_t> lost = there->stay;
  lost.insert(lost.end(), back->stay.begin(), back->stay.end());
  std::ranges::sort(lost);
  lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
  std::vector<std::size_t> not_tried = there->not_tried;
  not_tried.insert(not_tried.end(), back->not_tried.begin(), back->not_tried.end());
  std::ranges::sort(not_tried);
  not_tried.erase(std::unique(not_tried.begin(), not_tried.end()), not_tried.end());
  std::erase_if(not_tried, [&](std::size_t i) { return std::ranges::binary_search(lost, i); });
  for (const std::size_t i : lost)
    walked.not_found.push_back(addresses[i]);
  walked.not_tried += not_tried.size();
  walked.found = pages.size() - lost.size() - not_tried.size();
  return walked;
}

}  // namespace rmaplab
