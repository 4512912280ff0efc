// SPDX-License-Identifier: GPL-2.0-only
#include "cli/reach_check.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/process.h"
#include "base/unique_fd.h"
#include "workloads/arena.h"
#include "workloads/processes.h"
#include "workloads/reach.h"
#include "workloads/swap_space.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPages = 16;

// Fresh pages, each with a content of its own.
Result<char*> map_pages(const Arena& arena)
{
  arena.clear();
  char* const at = arena.at(0);
  if (auto mapped = arena.map(at, kPages); !mapped)
    return mapped.error();
  for (std::size_t page = 0; page < kPages; ++page)
    at[page * page_size()] = static_cast<char>(page + 1);
  return at;
}

// Pinned for as long as the descriptor lives (FOLL_LONGTERM).
Result<UniqueFd> pin(char* page)
{
  struct io_uring_params parameters = {};
  UniqueFd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, &parameters)));
  if (!ring)
    return os_error("io_uring_setup");
  const struct iovec buffer = {.iov_base = page, .iov_len = page_size()};
  if (::syscall(SYS_io_uring_register, ring.get(), IORING_REGISTER_BUFFERS, &buffer, 1) != 0)
    return os_error("register a buffer of io_uring");
  return ring;
}

using Oracle = Result<> (*)(char*, std::size_t);

Result<> of_own_pages(const Arena& arena, Oracle oracle)
{
  const auto at = map_pages(arena);
  return at ? oracle(*at, kPages) : at.error();
}

// Pages that a child maps too.
Result<> of_shared_pages(const Arena& arena, Oracle oracle)
{
  const auto at = map_pages(arena);
  if (!at)
    return at.error();
  auto meeting = Meeting::create();
  if (!meeting)
    return meeting.error();
  const pid_t child = sys_fork();
  if (child < 0)
    return os_error("fork");
  if (child == 0)
    sys_exit(meeting->arrive_and_wait() ? 0 : 1);
  auto found = meeting->await_arrivals(1)
                   ? oracle(*at, kPages)
                   : Error{.code = Errc::os, .context = "the child does not arrive"};
  meeting->release();
  reap(child);
  return found;
}

// The answer that an oracle must give: ok when it gives it.
Result<> must_be(Errc expected, const Result<>& found)
{
  if (!found)
    return found.error().code == expected ? ok() : found.error();
  return Error{.code = Errc::mismatch, .context = "the oracle finds nothing wrong"};
}

Result<> of_a_pinned_page(const Arena& arena, Oracle oracle)
{
  const auto at = map_pages(arena);
  if (!at)
    return at.error();
  const auto ring = pin(*at + page_size());
  if (!ring)
    return ring.error();
  return must_be(Errc::mismatch, oracle(*at, kPages));
}

Result<> of_untouched_pages(const Arena& arena, Oracle oracle)
{
  arena.clear();
  if (auto mapped = arena.map(arena.at(0), kPages); !mapped)
    return mapped.error();
  return must_be(Errc::usage, oracle(arena.at(0), kPages));
}

}  // namespace

int check_reach(std::ostream& out)
{
  auto arena = Arena::create();
  bool all_good = true;
  auto show = [&](const char* name, const Result<>& result) {
    all_good = all_good && result;
    out << name << ": " << (result ? "ok" : to_string(result.error())) << std::endl;
  };
  if (!arena) {
    show("arena", arena.error());
    return 1;
  }
  show("pages migrate", of_own_pages(*arena, migrate_there_and_back));
  show("shared pages migrate", of_shared_pages(*arena, migrate_there_and_back));
  show("a pinned page is found not to migrate", of_a_pinned_page(*arena, migrate_there_and_back));
  show("untouched pages are refused", of_untouched_pages(*arena, migrate_there_and_back));
  {
    const auto swap = SwapSpace::enable();
    show("swap is switched on", swap ? ok() : swap.error());
    show("pages are swapped", of_own_pages(*arena, page_out_and_in));
    show("shared pages are refused",
         must_be(Errc::usage, of_shared_pages(*arena, page_out_and_in)));
    show("a pinned page is found not to be swapped", of_a_pinned_page(*arena, page_out_and_in));
  }
  {
    const auto swap = SwapSpace::enable();
    show("swap is switched on again", swap ? ok() : swap.error());
    show("pages are swapped again", of_own_pages(*arena, page_out_and_in));
  }
  out << "swap left: " << swap_free_kib() << " KiB\n";
  return all_good ? 0 : 1;
}

}  // namespace rmaplab
