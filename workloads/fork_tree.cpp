// SPDX-License-Identifier: GPL-2.0-only
// fork_tree: a tree of processes, each with `fanout` children, `depth` levels deep, all
// alive; then all of them exit.
//
// Sharing, by `sharing`, of V VMAs of `pages` pages: untouched; read (zero pages, no
// anon_vma); written_before (by the first process, nobody after it); written_after (too,
// and each process writes every page again when it is born, before its own children:
// copies of its own); dontfork; wipeonfork. What is written gives a process of level L
// chains of L + 1 AVCs and an anon_vma a VMA of its own, one more child of its parent's.
// Kernel: anon_vma_fork() > anon_vma_clone(), unlink_anon_vmas(), all under the root lock
// of each VMA; written_after: do_wp_page() and page copies. Series 1, patches 2, 3, 4, 8.
// One operation is the whole tree, grown and torn down; figures are per process. The order
// of the forks is the same everywhere: a subtree is whole before its next sibling is born.
// For that each leaf wakes all who wait, and these wakes are in the figures.
// `rmaplab run -w fork_tree -a 'depth=1,2,4,8;fanout=2'` is a curve over depth, likewise
// for every other argument. At most 512 processes.
// Not measured: what the first process writes before; the order of the exits, which is the
// scheduler's, parents after their children.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/unique_fd.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Sharing : std::int64_t {
  untouched,
  only_read,
  written_before,
  written_after,
  dontfork,
  wipeonfork
};

constexpr std::int64_t kMost = Meeting::kMostProcesses;

// Of a tree whose first process has `depth` levels below it; that one not counted. More
// than a thousand million are not counted further.
std::int64_t processes_below(std::int64_t depth, std::int64_t fanout)
{
  std::int64_t all = 0;
  std::int64_t level = 1;
  while (depth-- > 0 && fanout > 0 && all <= 1'000'000'000) {
    level *= fanout;
    all += level;
  }
  return all;
}

std::int64_t processes_of(const Values& v)
{
  return std::clamp<std::int64_t>(processes_below(v[0], v[1]), 1, kMost);
}

struct Shape {
  int depth;
  int fanout;
  std::size_t vmas;
  std::size_t pages;
  Sharing sharing;

  // Processes of a subtree whose first one is of this level, that one included.
  std::int64_t subtree(int level) const { return 1 + processes_below(depth - level, fanout); }
};

struct Place {
  int level = 0;
  std::int64_t number = 0;  // in the order of birth; 0: the first process
  Mark mark() const
  {
    return {.generation = static_cast<std::uint32_t>(level),
            .writer = static_cast<std::uint32_t>(number)};
  }
};

class Tree
{
 public:
  Tree(const Arena& arena, Meeting& meeting, const Shape& shape)
      : arena_(arena), meeting_(meeting), shape_(shape)
  {
  }

  Result<> prepare() const
  {
    if (auto mapped = arena_.map_islands(shape_.vmas, shape_.pages); !mapped)
      return mapped;
    return each_vma([&](char* vma) -> Result<> {
      if (shape_.sharing == only_read)
        return check_zero_pages(vma, shape_.pages);
      if (shape_.sharing != untouched)
        touch(vma, shape_.pages);
      const int advice = shape_.sharing == dontfork     ? MADV_DONTFORK
                         : shape_.sharing == wipeonfork ? MADV_WIPEONFORK
                                                        : MADV_NORMAL;
      if (advice != MADV_NORMAL && ::madvise(vma, shape_.pages * page_size(), advice) < 0)
        return os_error("madvise");
      return ok();
    });
  }

  // Grows it, calls `at_rest` in the first process when all are there, and tears it down.
  // With `complaints`, the end of a pipe, each process checks its data as well.
  Result<> live(const UniqueFd* complaints, const std::function<void()>& at_rest);

 private:
  template <typename Work>
  Result<> each_vma(Work work) const
  {
    for (std::size_t i = 0; i < shape_.vmas; ++i)
      if (auto good = work(arena_.island(i, shape_.pages)); !good)
        return good;
    return ok();
  }
  // What a process finds when it is born, by its parent's place, and once all are there.
  Result<> check(const Place& writer) const;
  // Returns in every process of the tree once what is below it is there.
  void grow();
  void be_born(const Place& parent);

  const Arena& arena_;
  Meeting& meeting_;
  const Shape shape_;
  const UniqueFd* complaints_ = nullptr;
  // Each process's own.
  Place place_;
  int forked_ = 0;
  bool good_ = true;

  void note(const Result<>& result)
  {
    if (result)
      return;
    good_ = false;
    const std::string text = to_string(result.error());
    const ssize_t told = ::write(complaints_->get(), text.data(), text.size());
    static_cast<void>(told);  // a full pipe holds the first complaint
  }
};

Result<> Tree::check(const Place& writer) const
{
  const std::size_t bytes = shape_.pages * page_size();
  return each_vma([&](char* vma) -> Result<> {
    switch (shape_.sharing) {
      case untouched:
      case only_read:
        return check_zero_pages(vma, shape_.pages);
      case written_before:
        return check_pages(vma, shape_.pages);
      case written_after:
        return check_pages(vma, shape_.pages, writer.mark());
      case dontfork:
        if (place_.number == 0)
          return check_pages(vma, shape_.pages);
        if (::msync(vma, bytes, MS_ASYNC) == 0 || errno != ENOMEM)
          return Error{.code = Errc::mismatch, .context = "a VMA of MADV_DONTFORK is there"};
        return ok();
      case wipeonfork:
        return place_.number == 0 ? check_pages(vma, shape_.pages)
                                  : check_zero_pages(vma, shape_.pages);
    }
    return ok();
  });
}

void Tree::be_born(const Place& parent)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  forked_ = 0;
  if (complaints_ && shape_.sharing == written_after)
    note(check(parent));
  for (std::size_t i = 0; shape_.sharing == written_after && i < shape_.vmas; ++i)
    touch(arena_.island(i, shape_.pages), shape_.pages, place_.mark());
  if (place_.level == shape_.depth)
    meeting_.set_turn(static_cast<std::uint32_t>(place_.number + 1));
}

void Tree::grow()
{
  for (int i = 0; place_.level < shape_.depth && i < shape_.fanout;) {
    const std::int64_t below = shape_.subtree(place_.level + 1);
    const Place child = {.level = place_.level + 1, .number = place_.number + 1 + i * below};
    const auto whole = static_cast<std::uint32_t>(child.number + below);
    const pid_t pid = sys_fork();
    if (pid == 0) {
      const Place parent = std::exchange(place_, child);
      be_born(parent);
      i = 0;
      continue;
    }
    if (pid > 0)
      ++forked_;
    else
      meeting_.set_turn(whole);  // or those above would wait for it
    good_ = meeting_.wait_turn(whole) && pid > 0 && good_;
    ++i;
  }
}

Result<> Tree::live(const UniqueFd* complaints, const std::function<void()>& at_rest)
{
  complaints_ = complaints;
  place_ = {};
  forked_ = 0;
  good_ = true;
  meeting_.reset();
  grow();
  if (place_.number == 0) {
    at_rest();
    meeting_.release();
  } else {
    good_ = meeting_.arrive_and_wait() && good_;
  }
  if (complaints_)
    note(check(place_));
  for (; forked_ > 0; --forked_)
    good_ = reap(-1) == 0 && good_;
  if (place_.number != 0)
    sys_exit(good_ ? 0 : 1);
  if (!good_)
    return os_error("a process of the tree could not do its work: fork");
  return ok();
}

// One more tree, whose processes check their data; observed on the way.
Result<> check_and_observe(Tree& tree, Meeting& meeting, int processes, Meter& meter)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
    return os_error("pipe");
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  auto lived = tree.live(&write_end, [&] {
    if (!meter.observing() || !meeting.await_arrivals(processes))
      return;
    std::vector<pid_t> family = {::getpid()};
    for (int i = 0; i < processes; ++i)
      family.push_back(meeting.arrived_pid(i));
    meter.observe(family);
  });
  char text[512];
  if (const ssize_t got = ::read(read_end.get(), text, sizeof text); got > 0)
    return Error{
        .code = Errc::mismatch,
        .context = "a process of the tree: " + std::string(text, static_cast<std::size_t>(got))};
  return lived;
}

Result<> run_trees(benchmark::State& state, Meter& meter)
{
  const std::int64_t processes = processes_below(state.range(0), state.range(1));
  if (processes == 0 || state.range(3) == 0)
    return Error{.code = Errc::usage,
                 .context = "a tree has depth, fanout and pages of 1 at least"};
  if (processes > kMost)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("needs {}{} processes at once, more than {}",
                                        processes > 1'000'000'000 ? "more than " : "",
                                        std::min<std::int64_t>(processes, 1'000'000'000), kMost)};
  auto stage = Stage::create();
  if (!stage)
    return stage.error();
  Tree tree(stage->arena, stage->meeting,
            {.depth = static_cast<int>(state.range(0)),
             .fanout = static_cast<int>(state.range(1)),
             .vmas = range_of(state, 2),
             .pages = range_of(state, 3),
             .sharing = Sharing{state.range(4)}});
  if (auto prepared = tree.prepare(); !prepared)
    return prepared;
  for ([[maybe_unused]] auto _ : state) {
    meter.start();
    auto lived = tree.live(nullptr, [] {});
    meter.stop(state);
    if (!lived)
      return lived;
  }
  return check_and_observe(tree, stage->meeting, static_cast<int>(processes), meter);
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto done = run_trees(state, meter); !done)
    meter.fail(state, done.error());
}

std::int64_t copied_pages(const Values& v)
{
  return v[4] == written_after ? v[2] * v[3] : 0;
}

}  // namespace

const Workload fork_tree{
    .name = "fork_tree",
    .summary = "a tree of processes of any depth and width, all alive, sharing VMAs six ways",
    .kernel_path = "anon_vma_fork, anon_vma_clone, unlink_anon_vmas",
    .patches = "series 1: 2, 3, 4, 8",
    .item = "process (fork+exit+wait)",
    .arguments = {{.name = "depth"},
                  {.name = "fanout"},
                  {.name = "vmas"},
                  {.name = "pages"},
                  {.name = "sharing",
                   .labels = {"untouched", "read", "written_before", "written_after", "dontfork",
                              "wipeonfork"}}},
    .quick = {{2, 2, 10, 4, written_before},
              {3, 2, 10, 4, written_before},
              {2, 2, 10, 4, written_after},
              {2, 2, 10, 4, only_read},
              {2, 2, 10, 4, dontfork},
              {2, 2, 10, 4, wipeonfork}},
    .full = {{2, 2, 10, 4, untouched},
             {2, 2, 10, 4, only_read},
             {1, 2, 10, 4, written_before},
             {2, 2, 10, 4, written_before},
             {3, 2, 10, 4, written_before},
             {4, 2, 10, 4, written_before},
             {1, 30, 10, 4, written_before},
             {30, 1, 10, 4, written_before},
             {2, 2, 10, 4, written_after},
             {4, 2, 10, 4, written_after},
             {2, 2, 10, 4, dontfork},
             {2, 2, 10, 4, wipeonfork}},
    .items = processes_of,
    .weight = [](const Values& v) -> std::int64_t {
      return processes_of(v) * (32 + v[2] * (4 + std::min(v[0], kMost)) / 4 + copied_pages(v));
    },
    .memory_pages = [](const Values& v) -> std::int64_t {
      const std::int64_t tables = v[2] * (v[3] + 1) / 256;  // of islands with holes
      const std::int64_t chains = v[2] * (2 + std::min(v[0], kMost) / 16);
      return v[2] * v[3] +
             (1 + processes_of(v)) * (kProcessPages + tables + chains + copied_pages(v));
    },
    .run = run,
};

}  // namespace rmaplab
