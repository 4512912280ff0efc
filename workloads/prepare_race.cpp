// SPDX-License-Identifier: GPL-2.0-only
// prepare_race: T threads write to memory that has no anon_vma yet, at the same moment.
//
// Sharing, by place: same: each thread writes to a page of its own of one VMA, and one
// anon_vma may come of it. near: each to a VMA of its own, neighbours that differ by
// mprotect alone, so that a thread may take the anon_vma that another is just making. far,
// the control: VMAs with holes between them, nothing to find.
// Kernel: __anon_vma_prepare() by several threads under the read-locked mmap_lock: what
// was allocated in vain is freed at once. near: reusable_anon_vma() reads a neighbour's
// vma->anon_vma while that is published: the barrier after series 1. Whatever wins, a VMA
// ends with one AVC: T an area, of same one; of anon_vmas, 1 to T. One operation is 200
// areas of T pages, the threads meeting before each; figures are per page faulted in.
// Not measured: making the threads, mapping the areas. On one CPU (exact lab) threads race only
// where a tick comes between: two boots of 7.0 ended with 300 and 302 anon_vmas of near, so
// counts of anon_vmas of near are skips.
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <atomic>
#include <csignal>

#include "base/ticks.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Place : std::int64_t { same, near, far };

constexpr std::size_t kAreas = 200;
constexpr std::size_t kStackBytes = 1 << 16;
constexpr std::uint64_t kPatienceNs = 30'000'000'000u;

// Of T pages in a row, or, of far, with a hole after each; and a hole after all.
struct Areas {
  const Arena& arena;
  std::size_t threads;
  Place place;

  char* page(std::size_t area, std::size_t thread) const
  {
    const std::size_t stride = place == far ? 2 : 1;
    return arena.at(area * (threads * stride + 1) + thread * stride);
  }
  Result<> map_one(std::size_t area) const
  {
    for (std::size_t i = 0; i < threads; ++i)
      if (auto mapped = arena.map(page(area, i), 1); !mapped)
        return mapped;
    for (std::size_t i = 1; place == near && i < threads; i += 2)
      if (::mprotect(page(area, i), page_size(), PROT_WRITE) < 0)  // written to all the same
        return os_error("mprotect every second page");
    return ok();
  }
  Result<> map() const
  {
    for (std::size_t area = 0; area < kAreas; ++area)
      if (auto mapped = map_one(area); !mapped)
        return mapped;
    return ok();
  }
  Result<> check() const
  {
    for (std::size_t area = 0; area < kAreas; ++area)
      for (std::size_t i = 0; i < threads; ++i)
        if (auto good = check_pages(page(area, i), 1, {.writer = writer(i)}); !good)
          return good;
    return ok();
  }
  static std::uint32_t writer(std::size_t thread) { return static_cast<std::uint32_t>(thread + 1); }
};

// Threads with no libc of their own (they share the first one's thread-local memory, so
// errno too), on stacks in shared memory: the only anon_vmas that come and go are those of
// the areas.
struct Race {
  const Areas& areas;
  Meeting& ready;
  Meeting& done;
  std::atomic<std::size_t> arrivals = 0;

  // Spins: who sleeps is late. Gives way now and then, for there may be one CPU.
  bool meet(std::size_t area)
  {
    const std::size_t all = (area + 1) * areas.threads;
    arrivals.fetch_add(1);
    std::uint64_t begin = 0;
    for (std::size_t spins = 1; arrivals.load() < all; ++spins) {
      if (spins % 1000 != 0)
        continue;
      ::syscall(SYS_sched_yield);
      if (begin == 0)
        begin = monotonic_ns();
      if (monotonic_ns() - begin > kPatienceNs)
        return false;
    }
    return true;
  }
};

struct Racer {
  Race* race;
  std::size_t number;
};

int run_racer(void* argument)
{
  const Racer racer = *static_cast<const Racer*>(argument);
  Race& race = *racer.race;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_worker(racer.number + 1);
  bool good = race.ready.arrive_and_wait();
  for (std::size_t area = 0; good && area < kAreas; ++area) {
    good = race.meet(area);
    touch(race.areas.page(area, racer.number), 1, {.writer = Areas::writer(racer.number)});
  }
  return race.done.arrive_and_wait() && good ? 0 : 1;
}

class Stacks
{
 public:
  static Result<Stacks> create(std::size_t count)
  {
    void* const memory = ::mmap(nullptr, count * kStackBytes, PROT_READ | PROT_WRITE,
                                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      return os_error("mmap stacks");
    return Stacks(static_cast<char*>(memory), count);
  }
  Stacks(Stacks&& other) noexcept : memory_(other.memory_), count_(other.count_)
  {
    other.memory_ = nullptr;
  }
  Stacks& operator=(Stacks&&) = delete;
  ~Stacks()
  {
    if (memory_)
      ::munmap(memory_, count_ * kStackBytes);
  }
  char* top(std::size_t i) const { return memory_ + (i + 1) * kStackBytes; }

 private:
  Stacks(char* memory, std::size_t count) : memory_(memory), count_(count) {}
  char* memory_;
  std::size_t count_;
};

Result<> iterate(benchmark::State& state, Meter& meter, const Areas& areas, const Stacks& stacks,
                 Stage& stage, Meeting& done)
{
  if (auto mapped = areas.map(); !mapped)
    return mapped;
  stage.meeting.reset();
  done.reset();
  Race race{.areas = areas, .ready = stage.meeting, .done = done};
  std::vector<Racer> racers;
  for (std::size_t i = 0; i < areas.threads; ++i)
    racers.push_back({.race = &race, .number = i});
  std::vector<pid_t> pids;
  for (std::size_t i = 0; i < areas.threads; ++i) {
    const int pid =
        ::clone(run_racer, stacks.top(i),
                CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | SIGCHLD, &racers[i]);
    if (pid > 0)
      pids.push_back(pid);
  }
  const auto started = static_cast<int>(pids.size());
  bool good = pids.size() == areas.threads && stage.meeting.await_arrivals(started);
  if (!good)
    race.arrivals = kAreas * areas.threads;  // nobody waits for who is not there
  meter.start();
  stage.meeting.release();
  good = done.await_arrivals(started) && good;
  meter.stop(state);
  const pid_t self[] = {::getpid()};
  if (good)
    meter.observe(self);
  done.release();
  for (const pid_t pid : pids)
    good = reap(pid) == 0 && good;
  if (!good)
    return Error{.code = Errc::os, .context = "one of the threads could not do its work"};
  auto intact = areas.check();
  areas.arena.clear();
  return intact;
}

void run(benchmark::State& state, Meter& meter)
{
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  auto done = Meeting::create();
  if (!done)
    return meter.fail(state, done.error());
  const std::size_t threads = range_of(state, 0);
  auto stacks = Stacks::create(threads);
  if (!stacks)
    return meter.fail(state, stacks.error());
  const Areas areas{.arena = stage->arena, .threads = threads, .place = Place{state.range(1)}};
  for ([[maybe_unused]] auto _ : state)
    if (auto phase = iterate(state, meter, areas, *stacks, *stage, *done); !phase)
      return meter.fail(state, phase.error());
}

}  // namespace

const Workload prepare_race{
    .name = "prepare_race",
    .summary = "threads write at once to one VMA, to neighbouring VMAs or to far ones",
    .kernel_path = "__anon_vma_prepare, reusable_anon_vma",
    .patches = "control",
    .item = "page faulted in",
    .arguments = {{.name = "threads"}, {.name = "place", .labels = {"same", "near", "far"}}},
    .quick = {{2, same}, {2, near}, {2, far}, {4, near}, {4, far}},
    .full = {{2, same},
             {4, same},
             {8, same},
             {2, near},
             {4, near},
             {8, near},
             {2, far},
             {4, far},
             {8, far}},
    .items = [](const Values& v) { return v[0] * std::int64_t{kAreas}; },
    .weight = [](const Values& v) { return 3 * v[0] * std::int64_t{kAreas}; },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (1 + v[0]) * kProcessPages + 3 * v[0] * std::int64_t{kAreas};
    },
    .run = run,
    .by_chance = [](const Values& v) -> std::string_view {
      return v[1] == near ? "which thread takes a neighbour's anon_vma is a race" : "";
    },
    .contends = true,
    .control =
        [](const Values& v) {
          return Values{v[0], far};
        },
};

}  // namespace rmaplab
