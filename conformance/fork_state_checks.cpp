// SPDX-License-Identifier: GPL-2.0-only
// Forks of memory in a state that a fork seldom meets: VMAs that were merged with unfaulted
// ones, pages that another thread migrates.
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <thread>

#include "base/unique_fd.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "workloads/numa.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

// Merged VMAs: six pages, of which two, `faulted`, were written.
constexpr std::size_t kMerged = 6;
constexpr std::size_t kAway = 20;

struct Shape {
  const char* name;
  const char* summary;
  std::size_t faulted;
  void (*merge)(const Bench&);
};

// Three VMAs of two pages, the middle one read-only until mprotect() merges it with both.
void merge_three(const Bench& b, std::size_t faulted)
{
  map(b.at(0), 2);
  map(b.at(2), 2, PROT_READ);
  map(b.at(4), 2);
  if (faulted == 2)
    protect(b.at(2), 2, kReadWrite);
  touch(b.at(faulted), 2);
  if (faulted == 2)
    protect(b.at(2), 2, PROT_READ);
  protect(b.at(2), 2, kReadWrite);
}

// Two, `changed` the first page of the one that mprotect() changes.
void merge_two(const Bench& b, std::size_t faulted, std::size_t changed)
{
  map(b.at(0), kMerged);
  protect(b.at(changed), changed == 0 ? 2 : 4, PROT_READ | PROT_EXEC);
  protect(b.at(faulted), 2, faulted == changed ? kReadWrite | PROT_EXEC : kReadWrite);
  touch(b.at(faulted), 2);
  protect(b.at(changed), changed == 0 ? 2 : 4, kReadWrite);
}

void merge_gap(const Bench& b, std::size_t faulted)
{
  map(b.at(0), 2);
  map(b.at(4), 2);
  touch(b.at(faulted), 2);
  map(b.at(2), 2);
}

// The faulted one comes back from elsewhere, beside memory that was mapped meanwhile.
void merge_home(const Bench& b, std::size_t below, std::size_t above)
{
  map(b.at(below), kMerged - below - above);
  touch(b.at(2), 2);
  move(b.at(below), kMerged - below - above, b.at(kAway));
  if (below > 0)
    map(b.at(0), below);
  if (above > 0)
    map(b.at(kMerged - above), above);
  move(b.at(kAway), kMerged - below - above, b.at(below));
}

const Shape kShapes[] = {
    {"U_F_by_changing_F", "mprotect() of a faulted VMA behind an unfaulted one", 2,
     [](const Bench& b) { merge_two(b, 2, 2); }},
    {"F_U_by_changing_F", "mprotect() of a faulted VMA before an unfaulted one", 0,
     [](const Bench& b) { merge_two(b, 0, 0); }},
    {"F_U_by_changing_U", "mprotect() of an unfaulted VMA behind a faulted one", 0,
     [](const Bench& b) { merge_two(b, 0, 2); }},
    {"U_F_by_changing_U", "mprotect() of an unfaulted VMA before a faulted one", 2,
     [](const Bench& b) { merge_two(b, 2, 0); }},
    {"F_U_U", "mprotect() of three, the first faulted", 0,
     [](const Bench& b) { merge_three(b, 0); }},
    {"U_F_U", "mprotect() of three, the middle one faulted", 2,
     [](const Bench& b) { merge_three(b, 2); }},
    {"U_U_F", "mprotect() of three, the last faulted", 4,
     [](const Bench& b) { merge_three(b, 4); }},
    {"gap_F_U", "mmap() between a faulted and an unfaulted VMA", 0,
     [](const Bench& b) { merge_gap(b, 0); }},
    {"gap_U_F", "mmap() between an unfaulted and a faulted VMA", 4,
     [](const Bench& b) { merge_gap(b, 4); }},
    {"home_behind_U", "mremap() home behind an unfaulted VMA", 2,
     [](const Bench& b) { merge_home(b, 2, 0); }},
    {"home_before_U", "mremap() home before an unfaulted VMA", 2,
     [](const Bench& b) { merge_home(b, 0, 2); }},
    {"home_between_U_U", "mremap() home between two unfaulted VMAs", 2,
     [](const Bench& b) { merge_home(b, 2, 2); }},
};

// Whatever made the VMA, a child's is a fork child: nothing unfaulted merges with it. Where the
// count of VMAs that use the anon_vma went wrong, the child has been given its parent's.
void forked_after_merge(const Bench& b, const Shape& shape)
{
  shape.merge(b);
  if (const auto layout = outcome_of([&] { expect_layout(b, {{0, kMerged}}); }); !layout)
    skip("not merged: " + layout.error().context);
  must(in_child([&] {
    expect_data(b.at(shape.faulted), 2);
    touch(b.at(shape.faulted), 1, {.generation = 1, .writer = 1});
    map(b.at(kMerged), 1);
    expect_layout(b, {{0, kMerged}, {kMerged, kMerged + 1}}, "unfaulted memory behind a child's");
  }));
  expect_data(b.at(shape.faulted), 2);
  // No relative is left: it merges again.
  map(b.at(kMerged), 1);
  expect_layout(b, {{0, kMerged + 1}}, "after the child's end");
}

// Enough that one call of move_pages(2) outlasts a timer tick, also where there is one CPU and
// it must be preempted to be met.
constexpr std::size_t kMigrated = 1024;
constexpr std::uint32_t kRounds = 40;
constexpr std::size_t kEnough = 512;

// Of this process: neither there nor gone, but an entry that waits for its page.
std::size_t count_under_migration(const Bench& b)
{
  std::vector<std::uint64_t> entries(kMigrated);
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  const auto bytes = static_cast<ssize_t>(entries.size() * sizeof entries[0]);
  const auto from = static_cast<off_t>(reinterpret_cast<std::uintptr_t>(b.at(0)) / page_size() *
                                       sizeof entries[0]);
  if (!pagemap ||
      ::pread(pagemap.get(), entries.data(), static_cast<std::size_t>(bytes), from) != bytes)
    throw Verdict{os_error("read /proc/self/pagemap")};
  constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
  constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
  std::size_t count = 0;
  for (const std::uint64_t entry : entries)
    count += (entry & kPresent) == 0 && (entry & kSwapped) != 0;
  return count;
}

// A fork, after which each of the two writes. How many pages were under migration.
std::size_t fork_and_write(const Bench& b, std::uint32_t round)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    throw Verdict{os_error("pipe2")};
  const UniqueFd wait(ends[0]);
  const UniqueFd go(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0)
    throw Verdict{os_error("fork")};
  if (pid == 0) {
    char byte;
    if (::read(wait.get(), &byte, 1) != 1)
      ::_exit(2);
    const bool old = bool(check_pages(b.at(0), kMigrated, {.generation = round - 1}));
    touch(b.at(0), kMigrated, {.generation = round, .writer = 1});
    ::_exit(old ? 0 : 1);
  }
  const auto met = count_under_migration(b);
  touch(b.at(0), kMigrated, {.generation = round});
  const bool told = ::write(go.get(), "", 1) == 1;
  int status = -1;
  ::waitpid(pid, &status, 0);
  if (!told || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
    throw Verdict{Error{.code = Errc::os, .context = "a child was lost"}};
  if (WEXITSTATUS(status) == 1)
    not_ok(
        fmt::format("fork {}, {} pages under migration: the child sees what its parent wrote "
                    "after it",
                    round, met));
  if (const auto own = check_pages(b.at(0), kMigrated, {.generation = round}); !own)
    not_ok(
        fmt::format("fork {}, {} pages under migration: the parent sees what its child wrote: "
                    "{}",
                    round, met, to_string(own.error())));
  return met;
}

void forked_under_migration(const Bench& b)
{
  const TwoNodes nodes = must(two_nodes());
  map(b.at(0), kMigrated);
  static_cast<void>(try_advise(b.at(0), kMigrated, MADV_NOHUGEPAGE));
  touch(b.at(0), kMigrated);
  std::atomic<bool> done = false;
  std::thread migrator([&] {
    PageMove pages(b.at(0), kMigrated);
    while (!done)
      for (const int node : {nodes.away, nodes.home})
        pages.call(node);
  });
  std::size_t met = 0;
  const auto outcome = outcome_of([&] {
    for (std::uint32_t round = 1; round <= kRounds && met < kEnough; ++round) {
      ::sched_yield();
      met += fork_and_write(b, round);
    }
  });
  done = true;
  migrator.join();
  must(outcome);
  if (met == 0)
    skip("no page was met under migration");
}

}  // namespace

void add_fork_state_checks(std::vector<Check>& checks)
{
  for (const Shape& shape : kShapes)
    checks.push_back({.name = std::string("fork/merged/") + shape.name,
                      .summary = std::string("a fork after a merge: ") + shape.summary,
                      .source = "vma_is_fork_child(), anon_vma.num_active_vmas",
                      .run = [&shape](const Bench& b) { forked_after_merge(b, shape); }});
  checks.push_back({.name = "fork/under_migration",
                    .summary = "forks while a thread migrates what both will write to",
                    .source = "copy_nonpresent_pte(): no writable migration entry stays",
                    .run = forked_under_migration});
}

}  // namespace rmaplab
