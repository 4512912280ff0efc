// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/reach.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <thread>

#include "base/files.h"
#include "base/node_list.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "workloads/arena.h"
#include "workloads/swap_space.h"

namespace rmaplab
{

namespace
{

// A page may hold still for a moment without a fault of the reverse mapping: its folio is
// locked or referenced by another walker, under writeback, or in the batch of pages that a
// CPU has not yet put on the LRU list.
constexpr int kMostTries = 8;

// Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
constexpr std::uint64_t kFileOrShared = std::uint64_t{1} << 61;
constexpr std::uint64_t kExclusive = std::uint64_t{1} << 56;

Error page_error(Errc code, const char* at, std::size_t page, const std::string& what)
{
  return Error{.code = code,
               .context = fmt::format("page {} at {} {}", page,
                                      static_cast<const void*>(at + page * page_size()), what)};
}

// FNV-1a over words, one a page. Reads, and so faults in, every page.
std::vector<std::uint64_t> contents(const char* at, std::size_t pages)
{
  std::vector<std::uint64_t> sums(pages, 0xcbf29ce484222325u);
  for (std::size_t page = 0; page < pages; ++page)
    for (std::size_t i = 0; i < page_size(); i += sizeof(std::uint64_t)) {
      std::uint64_t word;
      std::memcpy(&word, at + page * page_size() + i, sizeof word);
      sums[page] = (sums[page] ^ word) * 0x100000001b3u;
    }
  return sums;
}

Result<> same_contents(const char* at, const std::vector<std::uint64_t>& before)
{
  const auto now = contents(at, before.size());
  for (std::size_t page = 0; page < now.size(); ++page)
    if (now[page] != before[page])
      return page_error(Errc::mismatch, at, page, "came back with another content");
  return ok();
}

// Nodes with memory that this process may use.
Result<std::vector<int>> usable_nodes()
{
  const auto text = read_file("/sys/devices/system/node/has_memory");
  auto nodes = text ? parse_node_list(trim(*text)) : std::vector<int>{0};  // no CONFIG_NUMA
  const auto status = read_file("/proc/self/status");
  if (!nodes || !status)
    return Error{.code = Errc::parse, .context = "list of NUMA nodes with memory"};
  constexpr std::string_view kAllowed = "Mems_allowed_list:";
  for (const auto line : lines_of(*status))
    if (line.rfind(kAllowed, 0) == 0)
      if (const auto allowed = parse_node_list(trim(line.substr(kAllowed.size()))))
        std::erase_if(*nodes, [&](int node) { return std::ranges::count(*allowed, node) == 0; });
  return *nodes;
}

// One call for all the pages; without `to` it only asks. Where each page is then, or a
// negative errno of each. That some did not move shows there, not in an error.
Result<std::vector<int>> move_pages(char* at, std::size_t pages, const std::vector<int>* to,
                                    int flags)
{
  std::vector<void*> addresses;
  for (std::size_t page = 0; page < pages; ++page)
    addresses.push_back(at + page * page_size());
  std::vector<int> status(pages, -EINVAL);
  if (::syscall(SYS_move_pages, 0, pages, addresses.data(), to ? to->data() : nullptr,
                status.data(), flags) < 0) {
    if (errno == ENOSYS)
      return Error{.code = Errc::unsupported, .context = "the kernel has no move_pages(2)"};
    return os_error("move_pages");
  }
  return status;
}

Result<std::vector<int>> nodes_of(char* at, std::size_t pages)
{
  auto nodes = move_pages(at, pages, nullptr, 0);
  if (!nodes)
    return nodes;
  for (std::size_t page = 0; page < pages; ++page)
    if ((*nodes)[page] < 0)
      return page_error(Errc::usage, at, page,
                        fmt::format("is on no node: {}", std::strerror(-(*nodes)[page])));
  return nodes;
}

// All pages where `to` says. The status of the moving call is not trusted alone: it may
// keep an older answer for the pages of a batch that failed as a whole.
Result<> migrate(char* at, const std::vector<int>& to)
{
  for (int tries = 1;; ++tries) {
    auto status = move_pages(at, to.size(), &to, MPOL_MF_MOVE_ALL);
    if (!status && status.error().sys_errno == EPERM)
      status = move_pages(at, to.size(), &to, MPOL_MF_MOVE);
    if (!status)
      return status.error();
    const auto now = nodes_of(at, to.size());
    if (!now)
      return now.error();
    const auto page = static_cast<std::size_t>(std::ranges::mismatch(*now, to).in1 - now->begin());
    if (page == to.size())
      return ok();
    if ((*status)[page] == -EACCES)
      return page_error(Errc::usage, at, page, "is shared: moving it needs CAP_SYS_NICE");
    if (tries == kMostTries)
      return page_error(Errc::mismatch, at, page,
                        fmt::format("stays on node {} instead of going to {} ({} tries)",
                                    (*now)[page], to[page], tries));
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

Result<std::vector<std::uint64_t>> pagemap(const char* at, std::size_t pages)
{
  const UniqueFd file(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!file)
    return Error{.code = Errc::unsupported,
                 .context = "no /proc/self/pagemap (CONFIG_PROC_PAGE_MONITOR)"};
  std::vector<std::uint64_t> entries(pages);
  const auto offset =
      static_cast<off_t>(reinterpret_cast<std::uintptr_t>(at) / page_size() * sizeof entries[0]);
  const std::size_t bytes = pages * sizeof entries[0];
  if (::pread(file.get(), entries.data(), bytes, offset) != static_cast<ssize_t>(bytes))
    return os_error("read /proc/self/pagemap");
  return entries;
}

Result<> may_be_paged_out(const char* at, std::size_t pages)
{
  const auto entries = pagemap(at, pages);
  if (!entries)
    return entries.error();
  for (std::size_t page = 0; page < pages; ++page) {
    const std::uint64_t entry = (*entries)[page];
    const char* const obstacle = !(entry & kPresent)     ? "is not present"
                                 : entry & kFileOrShared ? "is not private and anonymous"
                                 : !(entry & kExclusive) ? "has more than one mapping"
                                                         : nullptr;
    if (obstacle)
      return page_error(Errc::usage, at, page, obstacle);
  }
  return ok();
}

// Puts the batches of all CPUs on the LRU lists, from where alone reclaim takes pages:
// every call of move_pages(2) that is to move something does, a move to where the page is
// already too. (madvise drains this CPU's only.)
void drain_lru_batches(char* at)
{
  if (const auto node = move_pages(at, 1, nullptr, 0); node && node->front() >= 0)
    static_cast<void>(move_pages(at, 1, &*node, MPOL_MF_MOVE));
}

}  // namespace

Result<> migrate_there_and_back(char* at, std::size_t pages)
{
  const auto usable = usable_nodes();
  if (!usable)
    return usable.error();
  if (usable->size() < 2)
    return Error{.code = Errc::unsupported,
                 .context = "one NUMA node only: a page has nowhere to move"};
  const auto before = contents(at, pages);
  const auto home = nodes_of(at, pages);
  if (!home)
    return home.error();
  std::vector<int> away;
  for (const int node : *home)
    away.push_back(usable->front() != node ? usable->front() : usable->at(1));
  if (auto there = migrate(at, away); !there)
    return there;
  if (auto same = same_contents(at, before); !same)
    return same;
  if (auto back = migrate(at, *home); !back)
    return back;
  return same_contents(at, before);
}

Result<> page_out_and_in(char* at, std::size_t pages)
{
  const std::uint64_t free_kib = swap_free_kib();
  if (free_kib < pages * page_size() / 1024)
    return Error{.code = Errc::unsupported,
                 .context = free_kib == 0 ? "no swap is active"
                                          : fmt::format("swap has {} KiB left only", free_kib)};
  const auto before = contents(at, pages);
  if (auto may = may_be_paged_out(at, pages); !may)
    return may;
  for (int tries = 1;; ++tries) {
    if (::madvise(at, pages * page_size(), MADV_PAGEOUT) != 0)
      return os_error("madvise(MADV_PAGEOUT)");
    const auto entries = pagemap(at, pages);
    if (!entries)
      return entries.error();
    const auto stays =
        std::ranges::find_if(*entries, [](auto entry) { return !(entry & kSwapped); });
    if (stays == entries->end())
      break;
    const auto page = static_cast<std::size_t>(stays - entries->begin());
    if (tries == kMostTries)
      return page_error(Errc::mismatch, at, page,
                        fmt::format("was not paged out ({} tries)", tries));
    drain_lru_batches(at + page * page_size());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return same_contents(at, before);
}

}  // namespace rmaplab
