// SPDX-License-Identifier: GPL-2.0-only
// walk_migrate: pages that a family of processes shares go to another NUMA node.
//
// Sharing: an area of V VMAs (mprotect of every second one, all of one anon_vma) is
// written, then forked: depth generations, each process with fanout children, all
// alive. The pages of one VMA in the middle are sent. by=all: every process maps them.
// by=first: all others have written since and map copies of their own.
// Kernel: rmap_walk_anon() twice a page, root read-locked: an interval tree of V times as
// many edges as there are processes is asked for one page offset. try_to_migrate() ends
// with the last mapping (folio_not_mapped()), remove_migration_ptes() goes through the VMAs
// of all processes: by=first shows what the useless ones cost. The cost grows with the
// processes, in whatever generation, and next to nothing with V. It is what the writers of
// series 1 (4, 8) wait for, and what waits for them. Figures are per page sent.
// move_pages and mbind: that one range. migrate_pages: whatever of the first process is on
// the second node, which is that range, found by a look at all its page tables. All three
// first drain the LRU lists' batches of every CPU (lru_cache_disable()): pages=1 shows
// that; depth=0 is the page that nobody shares.
// Not measured: the way to the second node before each operation, the forks, copying by
// writes, waits for the lock.
#include <linux/mempolicy.h>
#include <sys/syscall.h>

#include "workloads/family.h"
#include "workloads/numa.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum By : std::int64_t { all, first };
enum Call : std::int64_t { move_pages, mbind, migrate_pages };

constexpr unsigned long kMostNodes = sizeof(unsigned long) * 8;

FamilyShape shape_of(const Values& v)
{
  return {.depth = static_cast<std::size_t>(v[0]),
          .fanout = static_cast<std::size_t>(v[1]),
          .vmas = static_cast<std::size_t>(v[2]),
          .pages = static_cast<std::size_t>(v[3]),
          .mapped_by = v[4] == all ? MappedBy::all : MappedBy::first};
}

long send(const Family& family, PageMove& move, const TwoNodes& nodes, Call call)
{
  const unsigned long home = 1ul << nodes.home;
  const unsigned long away = 1ul << nodes.away;
  switch (call) {
    case move_pages:
      return move.call(nodes.home);
    case mbind:
      return ::syscall(SYS_mbind, family.pages(), family.page_count() * page_size(), MPOL_BIND,
                       &home, kMostNodes, MPOL_MF_MOVE_ALL);
    case migrate_pages:
      return ::syscall(SYS_migrate_pages, 0, kMostNodes, &away, &home);
  }
  return -1;
}

// The policy would keep the pages from going away again, and is not the others'.
Result<> forget_policy(const Family& family, Call call)
{
  if (call == mbind && ::syscall(SYS_mbind, family.pages(), family.page_count() * page_size(),
                                 MPOL_DEFAULT, nullptr, 0ul, 0) < 0)
    return os_error("mbind(MPOL_DEFAULT)");
  return ok();
}

Result<> iterate(Family& family, const TwoNodes& nodes, Call call, benchmark::State& state,
                 Meter& meter)
{
  PageMove move(family.pages(), family.page_count());
  if (auto there = move.settle(nodes.away); !there)
    return there;
  meter.start();
  const long left = send(family, move, nodes, call);
  meter.stop(state);
  if (left < 0)
    return os_error("send the pages to the other node");
  if (auto back = move.settle(nodes.home); !back)
    return back;
  return forget_policy(family, call);
}

void run(benchmark::State& state, Meter& meter)
{
  const auto nodes = two_nodes();
  if (!nodes)
    return meter.fail(state, nodes.error());
  if (nodes->away >= static_cast<int>(kMostNodes) - 1)
    return meter.fail(state, {.code = Errc::unsupported, .context = "node numbers above 62"});
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const Values values = {state.range(0), state.range(1), state.range(2), state.range(3),
                         state.range(4)};
  auto family = Family::create(*arena, shape_of(values));
  if (!family)
    return meter.fail(state, family.error());
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(*family, *nodes, Call{state.range(5)}, state, meter); !done)
      return meter.fail(state, done.error());
  meter.observe(family->pids());
  if (auto intact = family->check_and_end(); !intact)
    meter.fail(state, intact.error());
}

}  // namespace

const Workload walk_migrate{
    .name = "walk_migrate",
    .summary = "pages shared by a family of processes go to another NUMA node",
    .kernel_path = "rmap_walk_anon, try_to_migrate, remove_migration_ptes",
    .patches = "series 1: 4, 8",
    .item = "page sent",
    .arguments = {{.name = "depth"},
                  {.name = "fanout"},
                  {.name = "vmas"},
                  {.name = "pages"},
                  {.name = "by", .labels = {"all", "first"}},
                  {.name = "call", .labels = {"move_pages", "mbind", "migrate_pages"}}},
    .quick = {{0, 0, 1, 16, all, move_pages},
              {1, 10, 1, 16, all, move_pages},
              {1, 10, 10, 16, all, move_pages},
              {1, 10, 1, 16, first, move_pages},
              {1, 10, 1, 16, all, mbind},
              {1, 10, 1, 16, all, migrate_pages}},
    .full = {{0, 0, 1, 1, all, move_pages},
             {0, 0, 1, 16, all, move_pages},
             {1, 1, 1, 16, all, move_pages},
             {1, 10, 1, 16, all, move_pages},
             {1, 100, 1, 16, all, move_pages},
             {1, 300, 1, 16, all, move_pages},
             {10, 1, 1, 16, all, move_pages},
             {2, 10, 1, 16, all, move_pages},
             {1, 10, 10, 16, all, move_pages},
             {1, 10, 1000, 16, all, move_pages},
             {1, 10, 1, 16, first, move_pages},
             {1, 100, 1, 16, first, move_pages},
             {1, 10, 1, 16, all, mbind},
             {1, 10, 1, 16, all, migrate_pages}},
    .items = [](const Values& v) { return v[3]; },
    .weight = [](const Values& v) -> std::int64_t {
      return 32 + v[3] * (1 + static_cast<std::int64_t>(shape_of(v).descendants()) / 8);
    },
    .memory_pages = [](const Values& v) { return shape_of(v).memory_pages(); },
    .run = run,
};

}  // namespace rmaplab
