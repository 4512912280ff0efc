// SPDX-License-Identifier: GPL-2.0-only
// Moves while something else is at work on the same memory: reclaim, migration, KSM, compaction,
// fork, faults. Relocated where the kernel can. After each move the data is intact, at the end
// the reverse mapping still finds every page, and nothing is left behind in the slabs.
//
// Each race makes as many moves as the plan says, some hundreds by default: enough to see that a
// lock was forgotten, in a second. As a load that runs for minutes: `check race/all --moves N`.
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <thread>

#include "base/files.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/live_objects.h"
#include "conformance/looks.h"
#include "conformance/reach.h"
#include "workloads/numa.h"
#include "workloads/pattern.h"
#include "workloads/swap_space.h"
#include "workloads/system_setting.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPages = 16;
// Where the moved pages can be: alone, after unfaulted memory, before faulted memory, between
// the two; all in one page table or across two.
constexpr std::size_t kPlaces[] = {100, 200, 300, 400};
constexpr std::size_t kTwin = 600;  // memory of the same content, for KSM

// What races with the moves, in a thread of its own, over and over.
struct Rival {
  std::function<void(const Bench&)> run;
  // Held while it races; throws a skip where the kernel or machine lacks something.
  std::function<std::shared_ptr<void>(const Bench&)> need = {};
};

void lay_out(const Bench& b)
{
  map(b.at(kPlaces[0]), kPages);
  touch(b.at(kPlaces[0]), kPages);
  map(b.at(kPlaces[1] - 4), 4);
  map(b.at(kPlaces[2] + kPages), 4);
  touch(b.at(kPlaces[2] + kPages), 4);
  map(b.at(kPlaces[3] - 4), 4);
  map(b.at(kPlaces[3] + kPages), 4);
  touch(b.at(kPlaces[3] + kPages), 4);
}

template <typename T>
std::shared_ptr<void> held(Result<T> thing)
{
  return std::make_shared<T>(must(std::move(thing)));
}

std::vector<std::shared_ptr<void>> needs_of(const Bench& b, const std::vector<Rival>& rivals)
{
  std::vector<std::shared_ptr<void>> all;
  for (const Rival& rival : rivals)
    if (rival.need)
      all.push_back(rival.need(b));
  return all;
}

void make_moves(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  std::mt19937_64 random(b.seed);
  char* const origin = b.at(kPlaces[0]);
  std::size_t now = 0;
  for (std::uint64_t i = 0; i < b.moves; ++i) {
    const std::size_t next = (now + 1 + random() % (std::size(kPlaces) - 1)) % std::size(kPlaces);
    move(b.at(kPlaces[now]), kPages, b.at(kPlaces[next]), relocate);
    now = next;
    expect_data(b.at(kPlaces[now]), kPages, origin);
  }
  // The neighbours of the other places were faulted in, and hold what they held.
  for (const std::size_t place : {kPlaces[2], kPlaces[3]})
    expect_data(b.at(place + kPages), 4);
  if (now != 0)
    move(b.at(kPlaces[now]), kPages, origin, relocate);
  expect_data(origin, kPages);
}

void race_in_process(const Bench& b, const std::vector<Rival>& rivals)
{
  lay_out(b);
  const NoLooks racing;  // the rivals that are no threads, ksmd among them, too
  const auto needs = needs_of(b, rivals);
  std::atomic<bool> done = false;
  std::vector<std::thread> threads;
  threads.reserve(rivals.size());
  for (const Rival& rival : rivals)
    threads.emplace_back([&] {
      while (!done) {
        rival.run(b);
        ::sched_yield();
      }
    });
  const auto outcome = outcome_of([&] { make_moves(b); });
  done = true;
  for (auto& thread : threads)
    thread.join();
  must(outcome);
  // A page that is merged with another is not this memory's alone to send away.
  static_cast<void>(try_advise(b.at(kPlaces[0]), kPages, MADV_UNMERGEABLE));
  // Where there is neither swap nor a second node, the race itself was checked all the same.
  if (const auto reached = outcome_of([&] { expect_reachable(b.at(kPlaces[0]), kPages); });
      !reached && reached.error().code != Errc::unsupported)
    throw Verdict{reached.error()};
  expect_data(b.at(kPlaces[0]), kPages);
}

// The race in a child, so that all it had is gone when it is looked at. Of those that live on
// the machine some come and go: what was lost with each hundredth move is more.
void race(const Bench& b, const std::vector<Rival>& rivals)
{
  static_cast<void>(has_relocate_anon());  // asked here, so that children know
  const LiveObjects before = live_objects();
  must(in_child([&] { race_in_process(b, rivals); }));
  expect_none_left(before, static_cast<std::int64_t>(std::max<std::uint64_t>(200, b.moves / 100)));
}

Rival faults()
{
  return {[](const Bench& b) {
    for (const std::size_t place : {kPlaces[1] - 4, kPlaces[3] - 4}) {
      touch(b.at(place), 4);
      ::madvise(b.at(place), 4 * page_size(), MADV_DONTNEED);
    }
  }};
}

Rival forks()
{
  return {[](const Bench&) {
    const pid_t pid = ::fork();
    if (pid == 0)
      ::_exit(0);
    if (pid > 0)
      ::waitpid(pid, nullptr, 0);
  }};
}

Rival reclaim()
{
  return {[](const Bench& b) {
            for (const std::size_t place : kPlaces)
              ::madvise(b.at(place), kPages * page_size(), MADV_PAGEOUT);
          },
          [](const Bench&) { return held(SwapSpace::enable()); }};
}

Rival migration()
{
  return {[](const Bench& b) {
            static const TwoNodes nodes = must(two_nodes());
            for (const int node : {nodes.away, nodes.home})
              for (const std::size_t place : kPlaces)
                PageMove(b.at(place), kPages).call(node);
          },
          [](const Bench&) { return held(two_nodes()); }};
}

// The moved pages and a copy of them: mremap breaks what KSM has merged.
Rival ksm()
{
  return {[](const Bench& b) {
            for (const std::size_t place : kPlaces)
              ::madvise(b.at(place), kPages * page_size(), MADV_MERGEABLE);
          },
          [](const Bench& b) {
            map(b.at(kTwin), kPages);
            std::memcpy(b.at(kTwin), b.at(kPlaces[0]), kPages * page_size());
            for (char* const at : {b.at(kTwin), b.at(kPlaces[0])})
              if (try_advise(at, kPages, MADV_MERGEABLE) != 0)
                skip("MADV_MERGEABLE: no KSM in this kernel");
            // The neighbours too, or nothing merges with them.
            for (const std::size_t at :
                 {kPlaces[1] - 4, kPlaces[2] + kPages, kPlaces[3] - 4, kPlaces[3] + kPages})
              advise(b.at(at), 4, MADV_MERGEABLE);
            struct Awake {
              SystemSetting eager, run;
            };
            return std::static_pointer_cast<void>(std::make_shared<Awake>(
                Awake{must(SystemSetting::set("/sys/kernel/mm/ksm/sleep_millisecs", "0")),
                      must(SystemSetting::set("/sys/kernel/mm/ksm/run", "1"))}));
          }};
}

Rival compaction()
{
  return {
      [](const Bench&) { static_cast<void>(write_setting("/proc/sys/vm/compact_memory", "1")); },
      [](const Bench&) -> std::shared_ptr<void> {
        if (const auto can = write_setting("/proc/sys/vm/compact_memory", "1"); !can)
          skip("/proc/sys/vm/compact_memory: " + to_string(can.error()));
        return nullptr;
      }};
}

}  // namespace

void add_race_checks(std::vector<Check>& checks)
{
  auto add = [&](const char* name, const char* summary, const char* source,
                 const std::vector<Rival>& rivals) {
    checks.push_back({.name = std::string("race/") + name,
                      .summary = summary,
                      .source = source,
                      .run = [rivals](const Bench& b) { race(b, rivals); }});
  };
  add("faults", "moves while a thread faults and drops pages beside", "per-VMA locks; move_ptes()",
      {faults()});
  add("fork", "moves while a thread forks", "dup_mmap(): mmap_lock", {forks()});
  add("reclaim", "moves while a thread calls MADV_PAGEOUT on what moves", "move_ptes(): rmap locks",
      {reclaim()});
  add("migration", "moves while a thread sends what moves from node to node",
      "try_to_migrate(), remove_migration_ptes()", {migration()});
  add("ksm", "moves of pages that ksmd merges meanwhile", "prep_move_vma(): MADV_UNMERGEABLE",
      {ksm()});
  add("compaction", "moves while memory is compacted", "isolate_migratepages_block()",
      {compaction()});
  add("all", "moves while all of these are at work",
      "folio lock before anon_vma lock before page table lock: mm/rmap.c",
      {faults(), forks(), reclaim(), migration(), ksm(), compaction()});
}

}  // namespace rmaplab
