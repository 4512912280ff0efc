// SPDX-License-Identifier: GPL-2.0-only
// fork_after_merge: a process merges faulted VMAs with unfaulted ones, or splits and merges
// them again, and forks: what the child's VMAs are tells whether the merge was counted right.
//
// Sharing: F VMAs of two pages. By merge: uf, fu, next: the process maps them, two VMAs each,
// and merges them by mprotect: an unfaulted one takes the faulted one behind it in, a faulted one
// the unfaulted behind it, an unfaulted one the faulted before it. three: of three VMAs the third
// is faulted, and all become one when the second is changed. split: it splits faulted ones and
// merges them again. child: a child does that to what it was forked with. heir: that child
// has ended, its own child forks.
// Kernel: dup_anon_vma() and anon_vma_clone() (merge of unfaulted) and unlink_anon_vmas() keep
// anon_vma.num_active_vmas, the VMAs that have it as their own; anon_vma_clone() (fork) gives a
// child's VMA an anon_vma that none has. Counted too low, and the child gets its parent's: a walk
// from a page of the child's then visits the parent too (then=walk), and the child's VMA takes
// unfaulted memory in as one that was never forked does: children_apart are those that do not.
// Counted too high, and the heir's child does not reuse the dead one's: live_anon_vma. Series 1,
// patches 2, 5, 8, 9. Before 6.16 nothing merges in uf, next and three (see mprotect_merge).
// One operation, then=fork: fork+exit+wait, with two wakes of the process that forks; then=walk:
// all pages of the child, which it has written, go to another NUMA node (rmap_walk_anon() twice a
// page). Figures are per fork or per page.
// Not measured: the merges, the other processes' forks.
#include <sys/mman.h>
#include <sys/prctl.h>

#include <csignal>
#include <optional>

#include "workloads/numa.h"
#include "workloads/rows.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

enum Merge : std::int64_t { uf, fu, next, split, child, heir, three };
enum Then : std::int64_t { then_fork, then_walk };

constexpr std::size_t kEmpty = 2;  // pages behind a site
constexpr Mark kChilds{.generation = 1, .writer = 1};

// Turns of a Meeting.
constexpr std::uint32_t kFork = 1;
constexpr std::uint32_t kForked = 2;

// Exit statuses: up to kMostSites the sites whose VMA took unfaulted memory in.
constexpr int kMostSites = 200;
constexpr int kWrongData = 253;
constexpr int kUnable = 254;

struct Scene {
  const Arena& arena;
  Meeting& meeting;
  std::size_t sites;
  Merge merge;

  bool inherits() const { return merge == child || merge == heir; }
  // Of a site: of one VMA each before the merge.
  std::size_t pages() const { return merge == three ? 3 : 2; }
  char* site(std::size_t i) const { return arena.at(i * (pages() + kEmpty)); }
  bool all_written() const { return merge == split || inherits(); }
  // Of a site with an unfaulted VMA.
  std::size_t written_page() const { return merge == three ? 2 : merge == uf ? 1 : 0; }
};

bool protect(char* page, int protection)
{
  return ::mprotect(page, page_size(), protection) == 0;
}

bool split_and_merge(char* site)
{
  return protect(site + page_size(), PROT_WRITE) &&
         protect(site + page_size(), PROT_READ | PROT_WRITE);
}

bool build_site(const Scene& scene, char* site)
{
  if (!scene.arena.map(site, scene.pages()))
    return false;
  if (scene.all_written()) {
    touch(site, scene.pages());
    return scene.inherits() || split_and_merge(site);
  }
  char* const changed = scene.merge == next ? site : site + page_size();
  if (!protect(changed, PROT_WRITE))  // written to all the same
    return false;
  touch(site + scene.written_page() * page_size(), 1);
  return protect(changed, PROT_READ | PROT_WRITE);
}

bool each_site(const Scene& scene, bool (*action)(const Scene&, char*))
{
  for (std::size_t i = 0; i < scene.sites; ++i)
    if (!action(scene, scene.site(i)))
      return false;
  return true;
}

bool check_site(const Scene& scene, char* site)
{
  for (std::size_t page = 0; page < scene.pages(); ++page) {
    char* const at = site + page * page_size();
    const bool written = scene.all_written() || page == scene.written_page();
    if (!(written ? check_pages(at, 1) : check_zero_pages(at, 1)))
      return false;
  }
  return true;
}

// How many of our VMAs take in unfaulted memory that is mapped behind them.
std::optional<int> joined(const Scene& scene)
{
  for (std::size_t i = 0; i < scene.sites; ++i)
    if (!scene.arena.map(scene.site(i) + scene.pages() * page_size(), 1))
      return std::nullopt;
  const auto spans = arena_spans();
  if (!spans)
    return std::nullopt;
  int count = 0;
  for (std::size_t i = 0; i < scene.sites; ++i) {
    char* const behind = scene.site(i) + scene.pages() * page_size();
    count += span_of(*spans, behind).begin < reinterpret_cast<std::uintptr_t>(behind) ? 1 : 0;
  }
  return count;
}

// Life of the child whose VMAs are looked at.
[[noreturn]] void stay(const Scene& scene)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool found = each_site(scene, check_site);
  for (std::size_t i = 0; i < scene.sites; ++i)
    touch(scene.site(i), scene.pages(), kChilds);
  if (!scene.meeting.arrive_and_wait())
    sys_exit(kUnable);
  bool good = found;
  for (std::size_t i = 0; i < scene.sites; ++i)
    good = good && check_pages(scene.site(i), scene.pages(), kChilds);
  sys_exit(good ? joined(scene).value_or(kUnable) : kWrongData);
}

// Of the process that forks, once it is told to.
[[noreturn]] void fork_when_told(const Scene& scene, bool hold)
{
  if (!scene.meeting.wait_turn(kFork))
    sys_exit(kUnable);
  const pid_t pid = sys_fork();
  if (pid == 0) {
    if (hold)
      stay(scene);
    sys_exit(0);
  }
  bool good = pid > 0;
  if (hold)  // the child first, so that the first process knows which is which
    good = good && scene.meeting.await_arrivals(1) && scene.meeting.arrive_and_wait();
  int status = good ? reap(pid) : kUnable;
  scene.meeting.set_turn(kForked);
  if (!hold && !scene.meeting.arrive_and_wait())  // its end and the check are not timed
    status = kUnable;
  sys_exit(each_site(scene, check_site) ? status : kWrongData);
}

// In a child of the first process.
[[noreturn]] void merge_and_fork(const Scene& scene, bool hold)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const bool built =
      scene.inherits()
          ? each_site(scene, [](const Scene&, char* site) { return split_and_merge(site); })
          : each_site(scene, build_site);
  if (!built)
    sys_exit(kUnable);
  if (scene.merge != heir)
    fork_when_told(scene, hold);
  const pid_t pid = sys_fork();
  if (pid == 0)
    fork_when_told(scene, hold);
  sys_exit(pid < 0 ? kUnable : 0);
}

Result<> status_of(int status)
{
  if (status == kWrongData)
    return Error{.code = Errc::mismatch,
                 .context = "a process does not find what its parent wrote, or itself"};
  if (status > kMostSites)
    return Error{.code = Errc::os, .context = "a process could not do its work"};
  return ok();
}

// The process that will fork, made and merged; of heir its dead parent reaped.
Result<> begin_family(const Scene& scene, bool hold)
{
  scene.meeting.reset();
  const pid_t pid = sys_fork();
  if (pid == 0)
    merge_and_fork(scene, hold);
  if (pid < 0)
    return os_error("fork the process that merges");
  return scene.merge == heir ? status_of(reap(pid)) : ok();
}

Result<> time_fork(const Scene& scene, benchmark::State& state, Meter& meter)
{
  if (auto begun = begin_family(scene, false); !begun)
    return begun;
  meter.start();
  scene.meeting.set_turn(kFork);
  const bool forked = scene.meeting.wait_turn(kForked);
  meter.stop(state);
  scene.meeting.release();
  const auto ended = status_of(reap(-1));
  return forked ? ended : Result<>(Error{.code = Errc::os, .context = "the fork did not come"});
}

Result<> time_walk(PageMove& move, const TwoNodes& nodes, benchmark::State& state, Meter& meter)
{
  if (auto there = move.settle(nodes.away); !there)
    return there;
  meter.start();
  const long left = move.call(nodes.home);
  meter.stop(state);
  if (left < 0)
    return os_error("send the child's pages to the other node");
  return move.settle(nodes.home);
}

// With the child and the process that forked it alive and at rest; `act` is called with the
// child's pid.
template <typename Act>
Result<> with_family(const Scene& scene, Meter& meter, const Act& act)
{
  if (auto begun = begin_family(scene, true); !begun)
    return begun;
  scene.meeting.set_turn(kFork);
  auto done = ok();
  if (!scene.meeting.await_arrivals(2))
    done = Error{.code = Errc::os, .context = "the child and its parent did not come to be"};
  else if (done = act(scene.meeting.arrived_pid(0)); done) {
    const pid_t family[] = {::getpid(), scene.meeting.arrived_pid(1), scene.meeting.arrived_pid(0)};
    meter.observe(family);
  }
  scene.meeting.release();
  const int status = reap(-1);
  if (auto ended = status_of(status); done && !ended)
    done = ended;
  if (done)
    meter.outcome("children_apart", static_cast<double>(scene.sites) - status);
  return done;
}

std::vector<void*> pages_of(const Scene& scene)
{
  std::vector<void*> pages;
  for (std::size_t i = 0; i < scene.sites; ++i)
    for (std::size_t page = 0; page < scene.pages(); ++page)
      pages.push_back(scene.site(i) + page * page_size());
  return pages;
}

Result<> walk_pages(const Scene& scene, benchmark::State& state, Meter& meter)
{
  const auto nodes = two_nodes();
  if (!nodes)
    return nodes.error();
  return with_family(scene, meter, [&](pid_t pid) -> Result<> {
    PageMove move(pages_of(scene), pid);
    for ([[maybe_unused]] auto _ : state)
      if (auto sent = time_walk(move, *nodes, state, meter); !sent)
        return sent;
    return ok();
  });
}

Result<> run_family(benchmark::State& state, Meter& meter)
{
  if (state.range(0) < 1 || state.range(0) > kMostSites)
    return Error{.code = Errc::unsupported, .context = "1 to 200 VMAs only"};
  auto stage = Stage::create();
  if (!stage)
    return stage.error();
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
    return os_error("become a subreaper");
  const Scene scene{.arena = stage->arena,
                    .meeting = stage->meeting,
                    .sites = range_of(state, 0),
                    .merge = Merge{state.range(1)}};
  if (scene.inherits() && !each_site(scene, build_site))
    return os_error("map what is inherited");
  if (state.range(2) == then_walk)
    return walk_pages(scene, state, meter);
  for ([[maybe_unused]] auto _ : state)
    if (auto timed = time_fork(scene, state, meter); !timed)
      return timed;
  return meter.observing() ? with_family(scene, meter, [](pid_t) { return ok(); }) : ok();
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = run_family(state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload fork_after_merge{
    .name = "fork_after_merge",
    .summary = "a fork after merges: whether the child's VMAs get anon_vmas of their own",
    .kernel_path = "dup_anon_vma, anon_vma_clone, maybe_reuse_anon_vma, unlink_anon_vmas",
    .patches = "series 1: 2, 5, 8, 9",
    .item = "fork (with two wakes) or page walked to",
    .arguments = {{.name = "vmas"},
                  {.name = "merge",
                   .labels = {"uf", "fu", "next", "split", "child", "heir", "three"}},
                  {.name = "then", .labels = {"fork", "walk"}}},
    .quick = {{16, uf, then_fork},
              {16, fu, then_fork},
              {16, next, then_fork},
              {16, split, then_fork},
              {16, child, then_fork},
              {16, heir, then_fork},
              {16, uf, then_walk},
              {16, next, then_walk},
              {16, split, then_walk},
              {16, child, then_walk},
              {16, heir, then_walk}},
    .beyond = {{16, three, then_fork}, {16, three, then_walk}},
    .full = {{16, uf, then_fork},
             {16, fu, then_fork},
             {16, next, then_fork},
             {16, split, then_fork},
             {16, child, then_fork},
             {16, heir, then_fork},
             {100, uf, then_fork},
             {100, next, then_fork},
             {100, heir, then_fork},
             {16, uf, then_walk},
             {16, fu, then_walk},
             {16, next, then_walk},
             {16, split, then_walk},
             {16, child, then_walk},
             {16, heir, then_walk},
             {16, three, then_fork},
             {16, three, then_walk}},
    .items = [](const Values& v) -> std::int64_t {
      return v[2] == then_walk ? v[0] * (v[1] == three ? 3 : 2) : 1;
    },
    .weight = [](const Values& v) -> std::int64_t { return 96 + 4 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return 4 * (kProcessPages + 8 * v[0]); },
    .run = run,
    .core = true,
    .late = true,
};

}  // namespace rmaplab
