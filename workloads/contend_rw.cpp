// SPDX-License-Identifier: GPL-2.0-only
// contend_rw: N processes write-lock one anon_vma root while another walks the reverse
// mapping of a page below that root, again and again.
//
// Sharing, root=shared: the first process faults one VMA and forks N writers, which split
// their copies with mprotect and merge them again (as op=split of contend_ww), and the
// walker, which writes its copy: 64 pages that it alone maps, in an anon_vma of its own
// whose root and lock are everybody's. So a walk visits one VMA, and only the lock is shared.
// root=private is the control: each writer maps and faults memory of its own.
// Kernel: writers: anon_vma_clone(), vma_prepare(), vma_complete(), unlink_anon_vmas(),
// root write-locked. Walker: rmap_walk_anon(), root read-locked; by walker: none;
// pageout (MADV_PAGEOUT: try_to_unmap(), then the fault that reads it back in; needs swap);
// move_pages (to another node and back: try_to_migrate() and remove_migration_ptes(); needs
// two nodes). Series 1, patches 4, 8, 9.
// One operation is the whole parallel phase, until the writers are done; figures are per
// split+merge. walks are pages that the walker sent away in the last phase, walk_p50 and
// walk_p99 the time of one system call that sends all 64. On one CPU (exact lab) it is path
// length alone. Each move_pages(2) first waits for every CPU (lru_cache_disable()): beside
// two writers on two CPUs for milliseconds, whatever the lock does. Hence many pages a call;
// compare it with root=private only. With pageout the guest of the exact lab idles, and a
// count of its instructions is a skip.
// Not measured: making and ending the processes; walks of pages that many processes map.
// folio_referenced() gives up instead of waiting (since 5.19) and is not here.
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <new>
#include <vector>

#include "base/files.h"
#include "base/node_list.h"
#include "base/text.h"
#include "base/ticks.h"
#include "base/unique_fd.h"
#include "workloads/reach.h"
#include "workloads/rows.h"
#include "workloads/swap_space.h"

namespace rmaplab
{

namespace
{

enum Walker : std::int64_t { no_walker, by_pageout, by_move_pages };
enum Root : std::int64_t { shared_root, private_root };

constexpr std::size_t kPages = 64;  // a writer cuts the second out and merges it back
// Of one writer, so that the walker has time for some calls.
constexpr std::int64_t kSplits = 2000;
constexpr Mark kWalkers{.generation = 1, .writer = 1};

// What the walker tells: in memory that all share.
struct Walks {
  std::atomic<std::uint32_t> stop = 0;
  std::uint64_t done = 0;
  std::uint64_t p50_ns = 0;
  std::uint64_t p99_ns = 0;
};

struct Scene {
  const Arena& arena;
  Meeting& ready;
  Meeting& done;
  Walks& walks;
  std::vector<int> nodes;  // of move_pages
  int writers;
  Walker walker;
  Root root;
};

Result<> build(const Arena& arena)
{
  if (auto mapped = arena.map(arena.at(0), kPages); !mapped)
    return mapped;
  touch(arena.at(0), kPages);
  return ok();
}

// Life of a writer: its exit status.
int write_lock(const Scene& scene, std::size_t worker)
{
  const Arena& arena = scene.arena;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_worker(worker);
  bool good = true;
  if (scene.root == private_root) {
    arena.clear();
    good = static_cast<bool>(build(arena));
  }
  good = scene.ready.arrive_and_wait() && good;
  for (std::int64_t left = kSplits; good && left > 0; --left)
    good = ::mprotect(arena.at(1), page_size(), PROT_READ) == 0 &&
           ::mprotect(arena.at(1), page_size(), PROT_READ | PROT_WRITE) == 0;
  good = scene.done.arrive_and_wait() && good;
  return good && check_pages(arena.at(0), kPages) ? 0 : 1;
}

// Sends the pages away, with one system call a time.
class Sender
{
 public:
  Sender(const Scene& scene, char* at) : scene_(scene), at_(at)
  {
    for (std::size_t i = 0; i < kPages; ++i)
      pages_[i] = at + i * page_size();
  }
  void send()
  {
    if (scene_.walker == by_pageout) {
      ::madvise(at_, kPages * page_size(), MADV_PAGEOUT);
      return;
    }
    to_.fill(scene_.nodes[calls_++ % scene_.nodes.size()]);
    now_.fill(-1);
    ::syscall(SYS_move_pages, 0, kPages, pages_.data(), to_.data(), now_.data(), MPOL_MF_MOVE);
  }
  // How many of them went. Not part of what is timed.
  std::size_t gone()
  {
    if (scene_.walker == by_move_pages)
      return static_cast<std::size_t>(std::count(now_.begin(), now_.end(), to_[0]));
    std::array<std::uint64_t, kPages> entries{};
    const auto first = reinterpret_cast<std::uint64_t>(at_) / page_size();
    if (::pread(pagemap_.get(), entries.data(), sizeof entries,
                static_cast<off_t>(first * sizeof entries[0])) != sizeof entries)
      return 0;
    constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;
    return static_cast<std::size_t>(std::count_if(
        entries.begin(), entries.end(), [](std::uint64_t entry) { return entry & kSwapped; }));
  }

 private:
  const Scene& scene_;
  char* at_;
  std::uint64_t calls_ = 0;
  std::array<void*, kPages> pages_{};
  std::array<int, kPages> to_{};
  std::array<int, kPages> now_{};
  UniqueFd pagemap_{::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)};
};

std::uint64_t percentile(const std::vector<std::uint64_t>& sorted, std::size_t percent)
{
  return sorted.empty() ? 0 : sorted[(sorted.size() - 1) * percent / 100];
}

// Life of the walker: its exit status.
int read_lock(const Scene& scene, std::size_t worker)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pin_worker(worker);
  char* const pages = scene.arena.at(0);
  touch(pages, kPages, kWalkers);
  Sender sender(scene, pages);
  std::uint64_t walks = 0;
  std::vector<std::uint64_t> times;
  times.reserve(std::size_t{1} << 16);
  if (!scene.ready.arrive_and_wait())
    return 1;
  bool good = true;
  while (good && scene.walks.stop == 0) {
    const std::uint64_t begin = monotonic_ns();
    sender.send();
    const std::uint64_t took = monotonic_ns() - begin;
    const std::size_t gone = sender.gone();
    walks += gone;
    if (gone > 0 && times.size() < times.capacity())
      times.push_back(took);
    good = static_cast<bool>(check_pages(pages, kPages, kWalkers));  // brings them back in
  }
  std::sort(times.begin(), times.end());
  scene.walks.done = walks;
  scene.walks.p50_ns = percentile(times, 50);
  scene.walks.p99_ns = percentile(times, 99);
  return scene.done.arrive_and_wait() && good ? 0 : 1;
}

// One phase, from fork to reaping.
Result<> iterate(const Scene& scene, benchmark::State& state, Meter& meter)
{
  scene.ready.reset();
  scene.done.reset();
  new (&scene.walks) Walks;
  if (auto built = build(scene.arena); !built)
    return built;
  const int processes = scene.writers + (scene.walker == no_walker ? 0 : 1);
  std::vector<pid_t> family = {::getpid()};
  while (static_cast<int>(family.size()) <= processes) {
    const auto worker = family.size();
    const bool writes = static_cast<int>(worker) <= scene.writers;
    const pid_t pid = sys_fork();
    if (pid == 0)
      sys_exit(writes ? write_lock(scene, worker) : read_lock(scene, worker));
    if (pid < 0)
      break;
    family.push_back(pid);
  }
  const int forked = static_cast<int>(family.size()) - 1;
  const bool together = forked == processes && scene.ready.await_arrivals(processes);
  meter.start();
  scene.ready.release();
  bool finished = scene.done.await_arrivals(std::min(forked, scene.writers));
  meter.stop(state);
  scene.walks.stop = 1;
  finished = scene.done.await_arrivals(forked) && finished;
  if (together && finished)
    meter.observe(family);
  scene.done.release();
  bool good = together && finished;
  for (int i = 1; i <= forked; ++i)
    good = reap(family[static_cast<std::size_t>(i)]) == 0 && good;
  scene.arena.clear();
  if (!good)
    return Error{.code = Errc::os, .context = "one of the processes could not do its work"};
  return ok();
}

// Of all phases of a run: the last one's.
void tell(const Scene& scene, Meter& meter)
{
  if (scene.walker == no_walker)
    return;
  meter.outcome("walks", static_cast<double>(scene.walks.done));
  meter.outcome("walk_p50", static_cast<double>(scene.walks.p50_ns));
  meter.outcome("walk_p99", static_cast<double>(scene.walks.p99_ns));
}

Result<std::vector<int>> nodes_with_memory()
{
  const auto text = read_file("/sys/devices/system/node/has_memory");
  const auto nodes = text ? parse_node_list(trim(*text)) : std::nullopt;
  if (!nodes || nodes->size() < 2)
    return Error{.code = Errc::unsupported, .context = "move_pages: one NUMA node with memory"};
  return *nodes;
}

Result<> run_phases(benchmark::State& state, Meter& meter)
{
  const Walker walker{state.range(1)};
  auto nodes = walker == by_move_pages ? nodes_with_memory() : std::vector<int>{};
  if (!nodes)
    return nodes.error();
  std::optional<SwapSpace> swap;
  if (walker == by_pageout) {
    auto enabled = SwapSpace::enable();
    if (!enabled)
      return enabled.error();
    swap.emplace(*std::move(enabled));
  }
  auto stage = Stage::create();
  if (!stage)
    return stage.error();
  auto done = Meeting::create();
  if (!done)
    return done.error();
  void* const memory =
      ::mmap(nullptr, sizeof(Walks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return os_error("mmap a shared page");
  const Scene scene{.arena = stage->arena,
                    .ready = stage->meeting,
                    .done = *done,
                    .walks = *new (memory) Walks,
                    .nodes = *nodes,
                    .writers = static_cast<int>(state.range(0)),
                    .walker = walker,
                    .root = Root{state.range(2)}};
  auto result = ok();
  for ([[maybe_unused]] auto _ : state)
    if (result = iterate(scene, state, meter); !result)
      break;
  if (result)
    tell(scene, meter);
  ::munmap(memory, sizeof(Walks));
  return result;
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = run_phases(state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload contend_rw{
    .name = "contend_rw",
    .summary = "N processes split and merge while one walks the rmap under their root, or not",
    .kernel_path = "anon_vma_clone, vma_prepare, unlink_anon_vmas; rmap_walk_anon",
    .patches = "series 1: 4, 8, 9",
    .item = "split+merge",
    .arguments = {{.name = "procs"},
                  {.name = "walker", .labels = {"none", "pageout", "move_pages"}},
                  {.name = "root", .labels = {"shared", "private"}}},
    .quick = {{2, no_walker, shared_root},
              {2, by_pageout, shared_root},
              {2, by_move_pages, shared_root},
              {2, no_walker, private_root},
              {2, by_pageout, private_root},
              {2, by_move_pages, private_root}},
    .full = {{2, no_walker, shared_root},
             {8, no_walker, shared_root},
             {2, by_pageout, shared_root},
             {8, by_pageout, shared_root},
             {2, by_move_pages, shared_root},
             {8, by_move_pages, shared_root},
             {2, no_walker, private_root},
             {8, no_walker, private_root},
             {2, by_pageout, private_root},
             {8, by_pageout, private_root},
             {2, by_move_pages, private_root},
             {8, by_move_pages, private_root}},
    .items = [](const Values& v) { return std::max<std::int64_t>(v[0], 1) * kSplits; },
    .weight = [](const Values& v) -> std::int64_t { return (1 + v[0]) * kSplits * 4; },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return (2 + v[0]) * (kProcessPages + 2 * std::int64_t{kPages});
    },
    .run = run,
    .contends = true,
    .control =
        [](const Values& v) {
          return Values{v[0], v[1], private_root};
        },
};

}  // namespace rmaplab
