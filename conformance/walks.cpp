// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/walks.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "base/unique_fd.h"
#include "conformance/check.h"
#include "workloads/arena.h"
#include "workloads/numa.h"

namespace rmaplab
{

namespace
{

// A page may hold still for a moment without a fault of the reverse mapping: locked, under
// writeback, or in the batch of pages that a CPU has not yet put on the LRU lists.
constexpr int kMostTries = 8;

void pause_for_others()
{
  const struct timespec ms = {.tv_sec = 0, .tv_nsec = 1'000'000};
  ::nanosleep(&ms, nullptr);
}

class Pagemap
{
 public:
  explicit Pagemap(pid_t pid) : path_(fmt::format("/proc/{}/pagemap", pid == 0 ? ::getpid() : pid))
  {
    file_ = UniqueFd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file_)
      skip("open " + path_ + ": " + errno_text(errno));
  }
  std::vector<PageEntry> read(const char* at, std::size_t pages) const
  {
    std::vector<std::uint64_t> words(pages);
    const std::size_t bytes = pages * sizeof words[0];
    const auto offset = reinterpret_cast<std::uintptr_t>(at) / page_size() * sizeof words[0];
    if (::pread(file_.get(), words.data(), bytes, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes))
      throw Verdict{os_error("read " + path_)};
    std::vector<PageEntry> entries;
    entries.reserve(pages);
    for (const std::uint64_t word : words)
      entries.push_back(page_entry(word));
    return entries;
  }

 private:
  std::string path_;
  UniqueFd file_;
};

// The first page of the ranges that could be out and is not; nullptr: none.
char* first_not_out(const std::vector<PageRange>& ranges)
{
  const Pagemap pagemap(0);
  for (const PageRange& range : ranges) {
    const auto entries = pagemap.read(range.at, range.pages);
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (entries[i].present && entries[i].exclusive && !entries[i].file_or_shared)
        return range.at + i * page_size();
  }
  return nullptr;
}

class Placement
{
 public:
  Placement(const std::vector<char*>& pages, pid_t pid)
      : pid_(pid), addresses_(pages.begin(), pages.end()), status_(pages.size())
  {
  }

  // Where each page is, or a negative errno of it.
  const std::vector<int>& look()
  {
    call(nullptr, 0);
    return status_;
  }
  const std::vector<int>& send(const std::vector<int>& to)
  {
    if (call(to.data(), flags_) < 0 && errno == EPERM) {
      flags_ = MPOL_MF_MOVE;  // what others map too stays, with EACCES
      call(to.data(), flags_);
    }
    return status_;
  }

 private:
  long call(const int* to, int flags)
  {
    const long left = ::syscall(SYS_move_pages, pid_, addresses_.size(), addresses_.data(), to,
                                status_.data(), flags);
    if (left < 0 && errno == ENOSYS)
      skip("the kernel has no move_pages(2)");
    if (left < 0 && errno != EPERM)
      throw Verdict{os_error("move_pages")};
    return left;
  }
  pid_t pid_;
  std::vector<void*> addresses_;
  std::vector<int> status_;
  int flags_ = MPOL_MF_MOVE_ALL;
};

}  // namespace

PageEntry page_entry(std::uint64_t bits)
{
  const auto bit = [bits](int n) { return (bits >> n & 1) != 0; };
  const bool present = bit(63);
  return {.present = present,
          .swapped = bit(62),
          .file_or_shared = bit(61),
          .exclusive = bit(56),
          .frame = present ? bits & ((std::uint64_t{1} << 55) - 1) : 0};
}

std::vector<PageEntry> page_entries(const char* at, std::size_t pages, pid_t pid)
{
  return Pagemap(pid).read(at, pages);
}

void page_out_own(const std::vector<PageRange>& ranges, const PageName& name)
{
  for (int tries = 1;; ++tries) {
    for (const PageRange& range : ranges)
      if (::madvise(range.at, range.pages * page_size(), MADV_PAGEOUT) != 0)
        throw Verdict{os_error("madvise(MADV_PAGEOUT)")};
    char* const stays = first_not_out(ranges);
    if (stays == nullptr)
      return;
    if (tries == kMostTries)
      not_ok(fmt::format("{} is not paged out ({} tries)", name(stays), tries));
    drain_lru_batches(stays);
    pause_for_others();
  }
}

void send_away(const std::vector<char*>& pages, const PageName& name, pid_t pid)
{
  const TwoNodes nodes = must(two_nodes());
  const std::vector<int> nodes_now = Placement(pages, pid).look();
  std::vector<char*> there;
  std::vector<int> to;
  for (std::size_t i = 0; i < pages.size(); ++i)
    if (nodes_now[i] >= 0) {
      there.push_back(pages[i]);
      to.push_back(nodes_now[i] == nodes.home ? nodes.away : nodes.home);
    }
  if (there.empty())
    return;
  Placement placement(there, pid);
  for (int tries = 1;; ++tries) {
    const std::vector<int> status = placement.send(to);
    const std::vector<int>& now = placement.look();
    std::size_t stays = 0;
    while (stays < there.size() && (now[stays] == to[stays] || status[stays] == -EACCES))
      ++stays;
    if (stays == there.size())
      return;
    if (tries == kMostTries)
      not_ok(fmt::format("{} stays on node {} instead of going to {} ({} tries)",
                         name(there[stays]), now[stays], to[stays], tries));
    pause_for_others();
  }
}

void send_once(const std::vector<char*>& pages, int node)
{
  std::vector<void*> addresses(pages.begin(), pages.end());
  const std::vector<int> to(pages.size(), node);
  std::vector<int> status(pages.size());
  if (::syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), to.data(), status.data(),
                MPOL_MF_MOVE_ALL) < 0 &&
      errno == EPERM)
    ::syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), to.data(), status.data(),
              MPOL_MF_MOVE);
}

}  // namespace rmaplab
