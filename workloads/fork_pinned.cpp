// SPDX-License-Identifier: GPL-2.0-only
// fork_pinned: fork with a faulted VMA whose pages are pinned for a device, or not.
//
// Sharing: one VMA of P pages. kind=none: its pages are shared with the child until
// somebody writes. kind=pinned: they are registered as a buffer of an io_uring; a page that
// a device may write to must stay the parent's, so that fork copies it for the child at
// once. No page of the VMA has two mappings then, and the parent's are still the device's.
// Kernel: copy_present_pte() > page_needs_cow_for_dma() (folio_try_dup_anon_rmap_pte()) >
// copy_present_page(), only in an mm that ever pinned (MMF_HAS_PINNED); anon_vma_fork() as
// in fork_flat. One operation is fork, exit and wait; the copies and their freeing grow
// with P. Outcome pages_copied: pages that the parent has to itself while the child lives.
// Not measured: pinning; what the device does.
#include <fcntl.h>
#include <fmt/format.h>

#include <vector>

#include "base/unique_fd.h"
#include "workloads/pinned_buffer.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Kind : std::int64_t { not_pinned, pinned };

constexpr Mark kParentAgain{.generation = 1};

// Pages at `at` that no other process maps, as /proc/self/pagemap says to anyone.
Result<std::size_t> count_exclusive(const char* at, std::size_t pages)
{
  constexpr std::uint64_t kExclusive = std::uint64_t{1} << 56;
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::vector<std::uint64_t> entries(pages);
  const std::size_t bytes = pages * sizeof(std::uint64_t);
  const auto offset =
      static_cast<off_t>(reinterpret_cast<std::uint64_t>(at) / page_size() * sizeof(std::uint64_t));
  if (!pagemap ||
      ::pread(pagemap.get(), entries.data(), bytes, offset) != static_cast<ssize_t>(bytes))
    return os_error("read /proc/self/pagemap");
  std::size_t exclusive = 0;
  for (const std::uint64_t entry : entries)
    exclusive += (entry & kExclusive) && (entry & kPresent) ? 1 : 0;
  return exclusive;
}

// A child finds what the parent wrote before the fork though the parent wrote again, and
// the parent finds its own.
Result<> check_data(char* at, std::size_t pages, Meeting& meeting)
{
  touch(at, pages);
  meeting.reset();
  const pid_t pid = sys_fork();
  if (pid == 0)
    sys_exit(meeting.arrive_and_wait() && check_pages(at, pages) ? 0 : 1);
  if (pid < 0)
    return os_error("fork");
  const bool there = meeting.await_arrivals(1);
  touch(at, pages, kParentAgain);
  meeting.release();
  if (const int status = reap(pid); !there || status != 0)
    return Error{.code = Errc::mismatch,
                 .context = "the child does not find what the parent wrote before the fork"};
  return check_pages(at, pages, kParentAgain);
}

Result<> observe_copies(char* at, std::size_t pages, Meter& meter, Meeting& meeting)
{
  meeting.reset();
  const pid_t pid = sys_fork();
  if (pid == 0)
    sys_exit(meeting.arrive_and_wait() ? 0 : 1);
  if (pid < 0)
    return os_error("fork");
  if (meeting.await_arrivals(1)) {
    const pid_t family[] = {::getpid(), pid};
    meter.observe(family);
  }
  const auto copied = count_exclusive(at, pages);
  meeting.release();
  reap(pid);
  if (!copied)
    return copied.error();
  meter.outcome("pages_copied", static_cast<double>(*copied));
  return ok();
}

Result<> run_forks(benchmark::State& state, Meter& meter)
{
  const std::size_t pages = range_of(state, 0);
  auto stage = Stage::create();
  if (!stage)
    return stage.error();
  char* const at = stage->arena.at(0);
  if (auto mapped = stage->arena.map(at, pages); !mapped)
    return mapped;
  touch(at, pages);
  std::optional<PinnedBuffer> buffer;
  if (state.range(1) == pinned) {
    auto made = PinnedBuffer::pin(at, pages);
    if (!made)
      return made.error();
    buffer.emplace(*std::move(made));
  }
  time_forks(state, meter);
  if (auto observed = observe_copies(at, pages, meter, stage->meeting); !observed)
    return observed;
  if (auto intact = check_data(at, pages, stage->meeting); !intact)
    return intact;
  return buffer ? buffer->check_seen(at, kParentAgain) : ok();
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = run_forks(state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload fork_pinned{
    .name = "fork_pinned",
    .summary = "fork, exit and wait with P pages pinned for a device, which fork copies, or not",
    .kernel_path = "copy_present_pte, copy_present_page, anon_vma_fork",
    .patches = "control",
    .item = "fork+exit+wait",
    .arguments = {{.name = "pages"}, {.name = "kind", .labels = {"none", "pinned"}}},
    .quick = {{10, not_pinned}, {10, pinned}, {100, not_pinned}, {100, pinned}},
    .full = {{1, not_pinned},
             {10, not_pinned},
             {100, not_pinned},
             {1000, not_pinned},
             {1, pinned},
             {10, pinned},
             {100, pinned},
             {1000, pinned}},
    .weight = [](const Values& v) -> std::int64_t { return 32 + v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return 2 * (kProcessPages + 2 * v[0]); },
    .run = run,
};

}  // namespace rmaplab
