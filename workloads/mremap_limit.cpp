// SPDX-License-Identifier: GPL-2.0-only
// mremap_limit: single pages of a faulted area are moved, last page first, to a target
// without holes, until vm.max_map_count refuses one.
//
// Sharing: one anon_vma. Each plain move leaves a VMA that merges with no other, so
// the process comes to its limit of VMAs after about as many moves; a way that relocates
// never does. Where a move counts for twice the limit, none was refused.
// Kernel: the check of mm->map_count in __split_vma() and mremap's own, which
// asks for room for the VMAs that it may need in between; otherwise as mremap_scramble,
// with a VMA tree that grows. Series 2; series 1, patch 8. limit: vm.max_map_count is set to
// it and put back (a skip where it may not be). One operation is all the moves; the figure is
// theirs together, moves_until_limit says how many they are.
// Not measured: touching (every 16th page, the others move as holes).
#include <cerrno>

#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/system_setting.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kTouchedEvery = 16;

struct Area {
  const Arena& arena;
  std::size_t pages;
  char* from(std::size_t i) const { return arena.at(pages - 1 - i); }  // of the i-th move
  char* to(std::size_t i) const { return arena.at(2 * pages + i); }
  bool touched(std::size_t i) const { return (pages - 1 - i) % kTouchedEvery == 0; }
};

Result<> build(const Area& area)
{
  if (auto mapped = area.arena.map(area.arena.at(0), area.pages); !mapped)
    return mapped;
  for (std::size_t page = 0; page < area.pages; page += kTouchedEvery)
    touch(area.arena.at(page), 1);
  return ok();
}

// How many moves were done; errno of the first that was refused, 0 if none was.
struct Moved {
  std::size_t count = 0;
  int refusal = 0;
};

Moved move_until_refused(const Area& area, const Mover& mover)
{
  for (std::size_t i = 0; i < area.pages; ++i)
    if (!mover.move(area.from(i), area.to(i), page_size()))
      return {.count = i, .refusal = errno};
  return {.count = area.pages};
}

Result<> check(const Area& area, const Moved& moved)
{
  for (std::size_t i = 0; i < area.pages; ++i)
    if (area.touched(i))
      if (auto intact = check_pages(i < moved.count ? area.to(i) : area.from(i), 1, area.from(i));
          !intact)
        return intact;
  return ok();
}

Result<> observe(Meter& meter, const Moved& moved)
{
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  if (!meter.observing())
    return ok();
  const auto spans = arena_spans();
  if (!spans)
    return spans.error();
  const bool refused = moved.refusal != 0;
  meter.outcome("moves_until_limit", static_cast<double>(moved.count));
  report_outcomes(meter, {.attempted = moved.count + (refused ? 1 : 0),
                          .refused = refused ? std::size_t{1} : 0,
                          .refusal = moved.refusal,
                          .merged = moved.count + (refused ? 1 : 0) - spans->size(),
                          .vmas_before = 1,
                          .vmas_after = spans->size()});
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(1)});
  if (!mover)
    return meter.fail(state, mover.error());
  const std::size_t limit = range_of(state, 0);
  const auto setting = SystemSetting::set("/proc/sys/vm/max_map_count", std::to_string(limit));
  if (!setting)
    return meter.fail(state, setting.error());
  const Area area{.arena = *arena, .pages = 2 * limit};
  for ([[maybe_unused]] auto _ : state) {
    if (auto built = build(area); !built)
      return meter.fail(state, built.error());
    meter.start();
    const Moved moved = move_until_refused(area, *mover);
    meter.stop(state);
    if (moved.refusal != 0 && moved.refusal != ENOMEM)
      return meter.fail(state, {.context = "move of a page", .sys_errno = moved.refusal});
    if (auto observed = observe(meter, moved); !observed)
      return meter.fail(state, observed.error());
    if (auto intact = check(area, moved); !intact)
      return meter.fail(state, intact.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_limit{
    .name = "mremap_limit",
    .summary = "moves of single pages until vm.max_map_count refuses one",
    .kernel_path = "__split_vma, copy_vma, anon_vma_clone, unlink_anon_vmas",
    .patches = "series 2; series 1: 8",
    .item = "run to the limit",
    .arguments = {{.name = "limit"}, way_argument()},
    .quick = {{500, way::plain}, {1000, way::plain}, {500, way::uffd}, {500, way::copy}},
    .full = {{500, way::plain},
             {1000, way::plain},
             {4000, way::plain},
             {65530, way::plain},
             {500, way::relocate},
             {4000, way::relocate},
             {500, way::uffd},
             {4000, way::uffd},
             {500, way::copy},
             {4000, way::copy}},
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 32; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + v[0]; },
    .run = run,
};

}  // namespace rmaplab
