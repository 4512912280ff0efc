// SPDX-License-Identifier: GPL-2.0-only
// mremap_scramble: a faulted area is moved in pieces of four pages to a target without
// holes.
//
// Sharing: one anon_vma. order=reversed: the last piece goes first, to the first place;
// way=plain keeps each piece's page offset of its old place, so no two neighbours merge and
// each move leaves one VMA more. order=inorder is the control: all offsets differ from the
// addresses by the same, and the pieces merge. order=permuted: pieces in order to scattered
// places of the target: those relocated apart from each other have anon_vmas of their own,
// and a hole filled later merges with one side only.
// Kernel: __split_vma() > anon_vma_clone() (split), copy_vma() > anon_vma_clone()
// (remap), move_page_tables(), unlink_anon_vmas(). The case that series 2
// (MREMAP_RELOCATE_ANON) is about; patches 8 and 9 of series 1. uffd and uffd_once do the
// same with UFFDIO_MOVE, uffd_once with one registration, which is part of the figure.
// Figures are per move; moves_merged and vmas_after say what a way saved.
// Not measured: touching the area before; the limit of vm.max_map_count (mremap_limit).
#include <numeric>

#include "workloads/move.h"
#include "workloads/rows.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

enum Order : std::int64_t { reversed, inorder, permuted };

constexpr std::size_t kPiecePages = 4;

// A step near the golden section of `pieces` that meets each of them once.
std::size_t scatter_step(std::size_t pieces)
{
  std::size_t step = pieces * 618 / 1000 + 1;
  while (std::gcd(step, pieces) != 1)
    ++step;
  return step;
}

class Scramble
{
 public:
  Scramble(const Arena& arena, std::size_t pieces, Order order)
      : arena_(arena), pieces_(pieces), order_(order), step_(scatter_step(pieces))
  {
  }
  std::size_t pages() const { return pieces_ * kPiecePages; }

  bool move_all(Mover& mover) const
  {
    if (!mover.begin(arena_.at(0), arena_.at(2 * pages()), pages() * page_size()))
      return false;
    for (std::size_t i = 0; i < pieces_; ++i)
      if (!mover.move(from(i), to(i), kPiecePages * page_size()))
        return false;
    return mover.end();
  }

  Result<> check() const
  {
    for (std::size_t i = 0; i < pieces_; ++i)
      if (auto intact = check_pages(to(i), kPiecePages, from(i)); !intact)
        return intact;
    return ok();
  }

 private:
  // Of the i-th move.
  char* from(std::size_t i) const
  {
    return arena_.at((order_ == reversed ? pieces_ - 1 - i : i) * kPiecePages);
  }
  char* to(std::size_t i) const
  {
    const std::size_t place = order_ == permuted ? i * step_ % pieces_ : i;
    return arena_.at(2 * pages() + place * kPiecePages);
  }

  const Arena& arena_;
  std::size_t pieces_;
  Order order_;
  std::size_t step_;
};

Result<> observe(Meter& meter, std::size_t pieces)
{
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  if (!meter.observing())
    return ok();
  const auto spans = arena_spans();
  if (!spans)
    return spans.error();
  report_outcomes(meter, {.attempted = pieces,
                          .merged = pieces - spans->size(),
                          .vmas_before = 1,
                          .vmas_after = spans->size()});
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(2)});
  if (!mover)
    return meter.fail(state, mover.error());
  const std::size_t pieces = range_of(state, 0);
  const Scramble scramble(*arena, pieces, Order{state.range(1)});
  for ([[maybe_unused]] auto _ : state) {
    if (auto mapped = arena->map(arena->at(0), scramble.pages()); !mapped)
      return meter.fail(state, mapped.error());
    touch(arena->at(0), scramble.pages());
    meter.start();
    const bool moved = scramble.move_all(*mover);
    meter.stop(state);
    if (!moved)
      return meter.fail(state, os_error("move of a piece"));
    if (auto observed = observe(meter, pieces); !observed)
      return meter.fail(state, observed.error());
    if (auto intact = scramble.check(); !intact)
      return meter.fail(state, intact.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_scramble{
    .name = "mremap_scramble",
    .version = 2,
    .summary = "a faulted area is moved in pieces: VMAs that merge or never do",
    .kernel_path = "__split_vma, copy_vma, anon_vma_clone, move_page_tables, unlink_anon_vmas",
    .patches = "series 2; series 1: 8, 9",
    .item = "move",
    .arguments = {{.name = "moves"},
                  {.name = "order", .labels = {"reversed", "inorder", "permuted"}},
                  way_argument()},
    .quick = {{10, reversed, way::plain},
              {100, reversed, way::plain},
              {1000, reversed, way::plain},
              {10, inorder, way::plain},
              {10, permuted, way::plain},
              {10, reversed, way::uffd_once}},
    .beyond = {{2000, reversed, way::plain}},
    .full = {{10, reversed, way::plain},       {30, reversed, way::plain},
             {100, reversed, way::plain},      {300, reversed, way::plain},
             {1000, reversed, way::plain},     {2000, reversed, way::plain},
             {10000, reversed, way::plain},    {10, inorder, way::plain},
             {100, inorder, way::plain},       {1000, inorder, way::plain},
             {10, permuted, way::plain},       {100, permuted, way::plain},
             {1000, permuted, way::plain},     {10, reversed, way::relocate},
             {100, reversed, way::relocate},   {1000, reversed, way::relocate},
             {10000, reversed, way::relocate}, {10, inorder, way::relocate},
             {10, permuted, way::relocate},    {1000, permuted, way::relocate},
             {10, reversed, way::must},        {10, reversed, way::uffd},
             {1000, reversed, way::uffd},      {10, permuted, way::uffd},
             {1000, permuted, way::uffd},      {10, reversed, way::uffd_once},
             {1000, reversed, way::uffd_once}, {10, permuted, way::uffd_once},
             {1000, permuted, way::uffd_once}, {10, reversed, way::copy},
             {1000, reversed, way::copy},      {2000, permuted, way::plain},
             {2000, reversed, way::relocate},  {2000, permuted, way::relocate},
             {2000, reversed, way::uffd_once}, {2000, reversed, way::copy}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * 4; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 12 * v[0]; },
    .run = run,
    .core = true,
};

}  // namespace rmaplab
