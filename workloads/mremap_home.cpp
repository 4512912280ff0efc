// SPDX-License-Identifier: GPL-2.0-only
// mremap_home: K faulted VMAs, moved away before, come back beside unfaulted ones.
//
// Sharing: each VMA has an anon_vma of its own and, away, the page offset of its home. At
// home waits an unfaulted VMA that was mapped meanwhile just before the old place: the two
// merge, and the unfaulted one gets the anon_vma of the one that is copied.
// Kernel: copy_vma() > vma_merge_copied_range() > dup_anon_vma() > anon_vma_clone() (merge
// with an unfaulted VMA), move_page_tables(), unlink_anon_vmas(). Series 1, patch 9; the path
// whose use after free was fixed in 6.19. Before 6.16 nothing merges: an unfaulted VMA was
// taken for the child of a fork, for its list of AVCs is not of one entry either (Linux
// commit 879bca0a2c4f "mm/vma: fix incorrectly disallowed anonymous VMA merges"). It is
// the one merge that needs no relocation: the way out is a plain move in all cases, and way=
// relocate is to find nothing to do. Figures are per move home.
// Not measured: the move away, mapping the unfaulted VMA.
#include <sys/mman.h>

#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPages = 2;
constexpr std::size_t kSlotPages = 3 * kPages;  // unfaulted, home, hole

class Home
{
 public:
  Home(const Arena& arena, std::size_t moves) : arena_(arena), moves_(moves) {}

  // Home, away, and an unfaulted VMA in front of home.
  Result<> build() const
  {
    for (std::size_t i = 0; i < moves_; ++i) {
      if (auto mapped = arena_.map(home(i), kPages); !mapped)
        return mapped;
      touch(home(i), kPages);
      if (::mremap(home(i), bytes(), bytes(), MREMAP_MAYMOVE | MREMAP_FIXED, away(i)) == MAP_FAILED)
        return os_error("mremap away");
      if (auto mapped = arena_.map(home(i) - bytes(), kPages); !mapped)
        return mapped;
    }
    return ok();
  }

  bool move_all(const Mover& mover) const
  {
    for (std::size_t i = 0; i < moves_; ++i)
      if (!mover.move(away(i), home(i), bytes()))
        return false;
    return true;
  }

  Result<> check(Meter& meter) const
  {
    if (meter.observing()) {
      const auto spans = arena_spans();
      if (!spans)
        return spans.error();
      report_outcomes(meter, {.attempted = moves_,
                              .merged = 2 * moves_ - spans->size(),
                              .vmas_before = 2 * moves_,
                              .vmas_after = spans->size()});
    }
    for (std::size_t i = 0; i < moves_; ++i) {
      if (auto intact = check_pages(home(i), kPages); !intact)
        return intact;
      if (auto zeros = check_zero_pages(home(i) - bytes(), kPages); !zeros)
        return zeros;
    }
    return ok();
  }

 private:
  static std::size_t bytes() { return kPages * page_size(); }
  char* home(std::size_t i) const { return arena_.at(i * kSlotPages + kPages); }
  char* away(std::size_t i) const { return arena_.at((2 * moves_ + i) * kSlotPages); }
  const Arena& arena_;
  std::size_t moves_;
};

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(1)});
  if (!mover)
    return meter.fail(state, mover.error());
  const Home home(*arena, range_of(state, 0));
  for ([[maybe_unused]] auto _ : state) {
    if (auto built = home.build(); !built)
      return meter.fail(state, built.error());
    meter.start();
    const bool moved = home.move_all(*mover);
    meter.stop(state);
    if (!moved)
      return meter.fail(state, os_error("move home"));
    const pid_t self[] = {::getpid()};
    meter.observe(self);
    if (auto good = home.check(meter); !good)
      return meter.fail(state, good.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_home{
    .name = "mremap_home",
    .summary = "faulted VMAs come back to where they were, beside unfaulted ones: a merge",
    .kernel_path = "copy_vma, vma_merge_copied_range, dup_anon_vma, unlink_anon_vmas",
    .patches = "series 1: 9; series 2: control",
    .item = "move",
    .arguments = {{.name = "moves"}, way_argument()},
    .quick = {{1, way::plain}, {10, way::plain}, {100, way::plain}},
    .full = {{1, way::plain},
             {10, way::plain},
             {100, way::plain},
             {1000, way::plain},
             {10, way::relocate},
             {100, way::relocate},
             {10, way::uffd},
             {100, way::uffd}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 32; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 8 * v[0]; },
    .run = run,
    .core = true,
    .late = true,
};

}  // namespace rmaplab
