// SPDX-License-Identifier: GPL-2.0-only
// uffd_move: T threads move P pages each with UFFDIO_MOVE, at once.
//
// Sharing: root=shared: all pages are of one VMA with one anon_vma; root=private is the
// control: each thread's pages are of a VMA with an anon_vma of its own. The target is one
// registered VMA in both.
// Kernel: move_pages() of mm/userfaultfd.c > folio_move_anon_rmap() for each page. 6.8 to
// 6.18 hold the source's anon_vma write-locked for each page, so threads take turns; 6.19
// does not lock it (Linux commit cc22b9978509 "mm/userfaultfd: don't lock anon_vma when
// performing UFFDIO_MOVE"). What MREMAP_RELOCATE_ANON of series 2 competes with. One
// operation is the whole parallel phase, one ioctl a thread; figures are per page, and
// the wake-up of the threads is in them: few pages tell of nothing else. On one
// CPU (exact lab) it is path length alone.
// Not measured: making threads, mapping, touching, registering (mremap_move way=uffd).
#include <thread>
#include <vector>

#include "workloads/move.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Root : std::int64_t { shared_root, private_root };

class Slices
{
 public:
  Slices(const Arena& arena, std::size_t pages, std::size_t threads, Root root)
      : arena_(arena), pages_(pages), threads_(threads), hole_(root == private_root ? 1 : 0)
  {
  }
  std::size_t bytes() const { return pages_ * page_size(); }
  std::size_t all_bytes() const { return threads_ * (pages_ + hole_) * page_size(); }
  std::size_t threads() const { return threads_; }
  char* from(std::size_t i) const { return arena_.at(i * (pages_ + hole_)); }
  char* to(std::size_t i) const { return arena_.at((2 * threads_ + i) * (pages_ + hole_)); }

  Result<> build() const
  {
    const std::size_t vmas = hole_ ? threads_ : 1;
    for (std::size_t i = 0; i < vmas; ++i) {
      const std::size_t pages = hole_ ? pages_ : threads_ * pages_;
      if (auto mapped = arena_.map(from(i), pages); !mapped)
        return mapped;
      touch(from(i), pages);
    }
    return ok();
  }
  Result<> check() const
  {
    for (std::size_t i = 0; i < threads_; ++i)
      if (auto intact = check_pages(to(i), pages_, from(i)); !intact)
        return intact;
    return ok();
  }

 private:
  const Arena& arena_;
  std::size_t pages_;
  std::size_t threads_;
  std::size_t hole_;  // pages between the slices
};

struct Meetings {
  Meeting& ready;
  Meeting& done;
};

void move_slice(const Slices& slices, const Mover& mover, std::size_t i, Meetings meetings,
                std::uint8_t& moved)
{
  pin_worker(i + 1);
  moved =
      meetings.ready.arrive_and_wait() && mover.move(slices.from(i), slices.to(i), slices.bytes());
  moved = meetings.done.arrive_and_wait() && moved;
}

// The parallel phase, from threads to their end. False: one could not do its work.
bool race(const Slices& slices, const Mover& mover, Meetings meetings, benchmark::State& state,
          Meter& meter)
{
  meetings.ready.reset();
  meetings.done.reset();
  std::vector<std::uint8_t> moved(slices.threads());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < slices.threads(); ++i)
    threads.emplace_back([&, i] { move_slice(slices, mover, i, meetings, moved[i]); });
  const int count = static_cast<int>(slices.threads());
  bool good = meetings.ready.await_arrivals(count);
  meter.start();
  meetings.ready.release();
  good = meetings.done.await_arrivals(count) && good;
  meter.stop(state);
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  meetings.done.release();
  for (std::thread& thread : threads)
    thread.join();
  for (const std::uint8_t one : moved)
    good = good && one != 0;
  return good;
}

void run(benchmark::State& state, Meter& meter)
{
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  auto done = Meeting::create();
  if (!done)
    return meter.fail(state, done.error());
  auto mover = Mover::create(way::uffd_once);
  if (!mover)
    return meter.fail(state, mover.error());
  const Slices slices(stage->arena, range_of(state, 0), range_of(state, 1), Root{state.range(2)});
  for ([[maybe_unused]] auto _ : state) {
    if (auto built = slices.build(); !built)
      return meter.fail(state, built.error());
    if (!mover->begin(slices.from(0), slices.to(0), slices.all_bytes()))
      return meter.fail(state, os_error("register the target"));
    if (!race(slices, *mover, {.ready = stage->meeting, .done = *done}, state, meter))
      return meter.fail(state, {.context = "UFFDIO_MOVE of one of the threads"});
    if (!mover->end())
      return meter.fail(state, os_error("unregister the target"));
    if (auto intact = slices.check(); !intact)
      return meter.fail(state, intact.error());
    stage->arena.clear();
  }
}

}  // namespace

const Workload uffd_move{
    .name = "uffd_move",
    .summary = "threads move pages with UFFDIO_MOVE, of one anon_vma or each of its own",
    .kernel_path = "userfaultfd_move, folio_move_anon_rmap",
    .patches = "series 2: control",
    .item = "page",
    .arguments = {{.name = "pages"},
                  {.name = "threads"},
                  {.name = "root", .labels = {"shared", "private"}}},
    .quick = {{512, 1, shared_root}, {512, 2, shared_root}, {512, 4, shared_root}},
    .full = {{16, 1, shared_root},
             {512, 1, shared_root},
             {4096, 1, shared_root},
             {512, 2, shared_root},
             {4096, 2, shared_root},
             {512, 4, shared_root},
             {4096, 4, shared_root},
             {4096, 8, shared_root}},
    .items = [](const Values& v) { return v[0] * v[1]; },
    .weight = [](const Values& v) -> std::int64_t { return v[0] * v[1]; },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return kProcessPages + (2 * v[0] + 32) * v[1];
    },
    .run = run,
    .contends = true,
    .control =
        [](const Values& v) {
          return Values{v[0], v[1], private_root};
        },
};

}  // namespace rmaplab
