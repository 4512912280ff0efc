// SPDX-License-Identifier: GPL-2.0-only
// Data over forks: what a process wrote is its own, whoever of its ancestors and
// descendants lives, and whatever anon_vma its pages belong to.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>

#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

constexpr std::uint32_t kGenerations = 6;
constexpr std::size_t kPages = kGenerations + 2;

Mark mark_of(std::uint32_t generation)
{
  return {.generation = generation, .writer = generation};
}

// Page g was written by generation g, those from `next` on by nobody since the first.
void expect_generations(const Bench& b, std::uint32_t next)
{
  for (std::uint32_t g = 0; g < kPages; ++g)
    must(check_pages(b.at(g), 1, g < next ? mark_of(g) : Mark{}));
}

enum class Deaths { none, every_second, all };

void generation(const Bench& b, std::uint32_t g, Deaths deaths)
{
  expect_generations(b, g);
  touch(b.at(g), 1, mark_of(g));
  if (g < kGenerations) {
    const auto next = [&] { generation(b, g + 1, deaths); };
    const bool dies = deaths == Deaths::all || (deaths == Deaths::every_second && g % 2);
    must(dies ? in_orphan(next) : in_child(next));
  }
  expect_generations(b, g + 1);
}

void generations(const Bench& b, Deaths deaths)
{
  map(b.at(0), kPages);
  touch(b.at(0), kPages);
  generation(b, 0, deaths);
  expect_layout(b, {{0, kPages}});
}

void siblings(const Bench& b)
{
  constexpr std::uint32_t kSiblings = 8;
  map(b.at(0), 4);
  touch(b.at(0), 4);
  pid_t pids[kSiblings];
  for (std::uint32_t i = 0; i < kSiblings; ++i) {
    pids[i] = ::fork();
    if (pids[i] == 0) {
      const auto outcome = outcome_of([&] {
        expect_data(b.at(0), 4);
        for (std::uint32_t round = 0; round < 20; ++round) {
          touch(b.at(0), 2, {.generation = round, .writer = i + 1});
          ::usleep(50);
          must(check_pages(b.at(0), 2, {.generation = round, .writer = i + 1}));
          expect_data(b.at(2), 2);
        }
      });
      ::_exit(outcome ? 0 : 1);
    }
  }
  std::uint32_t good = 0;
  for (const pid_t pid : pids) {
    int status = 1;
    ::waitpid(pid, &status, 0);
    good += status == 0;
  }
  expect_equal("children whose data was their own", kSiblings, good);
  expect_data(b.at(0), 4);
}

void wipe_on_fork(const Bench& b)
{
  map(b.at(0), 6);
  touch(b.at(0), 6);
  advise(b.at(2), 2, MADV_WIPEONFORK);
  must(in_child([&] {
    expect_data(b.at(0), 2);
    must(check_zero_pages(b.at(2), 2));
    expect_data(b.at(4), 2);
    touch(b.at(2), 2);
    must(in_child([&] { must(check_zero_pages(b.at(2), 2)); }));
    expect_data(b.at(2), 2);
    expect_layout(b, {{0, 2}, {2, 4}, {4, 6}});
  }));
  expect_data(b.at(0), 6);
}

void dont_fork(const Bench& b)
{
  map(b.at(0), 6);
  touch(b.at(0), 6);
  advise(b.at(2), 2, MADV_DONTFORK);
  must(in_child([&] {
    expect_layout(b, {{0, 2}, {4, 6}}, "in the child");
    expect_data(b.at(0), 2);
    expect_data(b.at(4), 2);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::signal(SIGSEGV, SIG_DFL);
      touch(b.at(2), 1);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    expect_equal("signal of a touch", SIGSEGV, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  }));
  expect_data(b.at(0), 6);
}

// What one does to its mapping is its own affair.
void apart(const Bench& b)
{
  map(b.at(0), 8);
  touch(b.at(0), 8);
  must(in_child([&] {
    unmap(b.at(0), 2);
    advise(b.at(2), 2, MADV_DONTNEED);
    must(check_zero_pages(b.at(2), 2));
    move(b.at(4), 2, b.at(100));
    protect(b.at(6), 1, PROT_READ);
    expect_data(b.at(100), 2, b.at(4));
    expect_data(b.at(6), 2);
  }));
  expect_layout(b, {{0, 8}});
  expect_data(b.at(0), 8);
}

void read_only_child(const Bench& b)
{
  map(b.at(0), 4);
  touch(b.at(0), 4);
  protect(b.at(0), 4, PROT_READ);
  must(in_child([&] {
    expect_data(b.at(0), 4);
    protect(b.at(0), 4, kReadWrite);
    touch(b.at(0), 4, {.generation = 1});
    must(check_pages(b.at(0), 4, {.generation = 1}));
  }));
  expect_data(b.at(0), 4);
}

// Threads touch neighbouring VMAs for the first time at the same moment: each looks whether
// it may use the other's anon_vma while that is being set. Whether they came to share one
// shows when the VMAs become alike; both is right, lost data and a crash are not.
void prepare_race(const Bench& b)
{
  constexpr int kRounds = 60;
  std::atomic<int> round = -1;
  std::atomic<int> done = 0;
  const auto toucher = [&](std::size_t page) {
    for (int i = 0; i < kRounds; ++i) {
      while (round < i)
        std::this_thread::yield();
      touch(b.at(page), 1);
      ++done;
    }
  };
  std::thread other([&] { toucher(1); });
  std::thread third([&] { toucher(2); });
  const auto outcome = outcome_of([&] {
    for (int i = 0; i < kRounds; ++i) {
      map(b.at(0), 3);
      protect(b.at(1), 1, kReadWrite | PROT_EXEC);
      round = i;
      touch(b.at(0), 1);
      while (done < 2 * (i + 1))
        std::this_thread::yield();
      expect_data(b.at(0), 3);
      protect(b.at(1), 1, kReadWrite);
      expect_data(b.at(0), 3);
      must(in_child([&] { expect_data(b.at(0), 3); }));
      unmap(b.at(0), 3);
    }
  });
  round = kRounds;
  if (!outcome)
    map(b.at(0), 3);  // the threads end by touching it
  other.join();
  third.join();
  must(outcome);
}

}  // namespace

void add_fork_checks(std::vector<Check>& checks)
{
  const struct {
    const char* name;
    const char* summary;
    const char* source;
    void (*run)(const Bench&);
  } rows[] = {
      {"generations", "six generations, all alive, each with a page of its own", "anon_vma_fork()",
       [](const Bench& b) { generations(b, Deaths::none); }},
      {"generations_deaths", "the same with every second one dead", "maybe_reuse_anon_vma()",
       [](const Bench& b) { generations(b, Deaths::every_second); }},
      {"generations_orphans", "the same with all but the first and last dead",
       "maybe_reuse_anon_vma()", [](const Bench& b) { generations(b, Deaths::all); }},
      {"siblings", "eight children write to the same pages at the same time", "do_wp_page()",
       siblings},
      {"wipeonfork", "a child finds zeros, its parent the data", "MADV_WIPEONFORK", wipe_on_fork},
      {"dontfork", "a child finds nothing mapped", "MADV_DONTFORK", dont_fork},
      {"apart", "munmap, dropping, moving and splitting in a child leave the parent's as it was",
       "dup_mmap()", apart},
      {"readonly", "a child may write where its parent may not", "do_wp_page()", read_only_child},
      {"prepare_race", "threads touch neighbouring VMAs first at the same time",
       "__anon_vma_prepare(), reusable_anon_vma()", prepare_race},
  };
  for (const auto& row : rows)
    checks.push_back({.name = std::string("fork/") + row.name,
                      .summary = row.summary,
                      .source = row.source,
                      .run = row.run});
}

}  // namespace rmaplab
