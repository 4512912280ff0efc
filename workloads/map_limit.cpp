// SPDX-License-Identifier: GPL-2.0-only
// map_limit: calls that make VMAs, in a process that has almost vm.max_map_count of them,
// and what the call does that would pass it.
//
// Sharing: one faulted area with one anon_vma; op=split: mprotect of every second page;
// punch: munmap of every second page; mremap: its pages moved to another place, last page
// first; mmap: unfaulted pages beside each other that cannot merge.
// Kernel: __split_vma(), do_munmap(), do_mmap() and mremap compare mm->map_count with the
// limit, each in its own way: mmap passes it by one, mremap to a fixed place gives up five
// below it (6.12 to 7.0) or three (7.2), for what it may come to need. Series 1 leaves
// that as it is. Figures are per call, 500 of them: place=near begins 1101 VMAs below the
// limit, place=far is the same in a process of a few VMAs, so what the two differ by is the
// depth of the VMA tree. Outcomes, of near, from 1101 below: how many calls succeed, how
// far from the limit the VMAs are when one does not, and how many of them that one left
// behind: of the two splits of mprotect in a VMA's middle the second may be refused.
// ENOMEM is the only right answer, with all data as it was.
// Not measured: filling up to the limit, by a child, whose end empties it.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include <algorithm>
#include <csignal>

#include "base/files.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "workloads/rows.h"
#include "workloads/told.h"

namespace rmaplab
{

namespace
{

enum Op : std::int64_t { by_split, by_punch, by_mmap, by_mremap };
enum Place : std::int64_t { far, near };

constexpr std::size_t kTimed = 500;
constexpr std::size_t kRoom = 1101;       // odd: a split of two may be refused halfway
constexpr std::size_t kMost = kRoom + 8;  // calls; each makes a VMA or more
constexpr std::size_t kAreaPages = 2 * kMost + 1;

enum Outcome : std::size_t { succeeded, above_limit, left_behind };

Result<std::size_t> read_limit()
{
  const char* const path = "/proc/sys/vm/max_map_count";
  const auto text = read_file(path);
  if (!text)
    return text.error();
  const auto limit = parse_u64(trim(*text));
  if (!limit)
    return Error{.code = Errc::parse, .context = std::string(path) + ": no number"};
  return static_cast<std::size_t>(*limit);
}

// Lines of /proc/self/maps, without memory of its own: there may be none left to map.
Result<std::size_t> count_map_lines()
{
  const UniqueFd fd(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  if (!fd)
    return os_error("open /proc/self/maps");
  char piece[4096];
  std::size_t lines = 0;
  ssize_t got = 0;
  while ((got = ::read(fd.get(), piece, sizeof piece)) > 0)
    lines += static_cast<std::size_t>(std::count(piece, piece + got, '\n'));
  if (got < 0)
    return os_error("read /proc/self/maps");
  return lines;
}

// Maps `count` VMAs of a page outside the arena, neighbours that do not merge.
Result<> fill(std::size_t count)
{
  const std::size_t bytes = std::max<std::size_t>(count, 1) * page_size();
  void* const place =
      ::mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED)
    return os_error("find room for so many VMAs");
  ::munmap(place, bytes);
  for (std::size_t i = 0; i < count; ++i)
    if (::mmap(static_cast<char*>(place) + i * page_size(), page_size(),
               i % 2 == 0 ? PROT_NONE : PROT_READ,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
               0) == MAP_FAILED)
      return os_error("fill up to the limit");
  return ok();
}

// One call, numbered from 0.
bool operate(const Arena& arena, Op op, std::size_t i)
{
  char* const target = arena.at(kAreaPages + 1 + i);
  switch (op) {
    case by_split:
      return ::mprotect(arena.at(2 * i + 1), page_size(), PROT_READ) == 0;
    case by_punch:
      return ::munmap(arena.at(2 * i + 1), page_size()) == 0;
    case by_mmap:
      return ::mmap(target, page_size(), i % 2 == 0 ? PROT_READ : PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1,
                    0) != MAP_FAILED;
    case by_mremap:
      return ::mremap(arena.at(kAreaPages - 1 - i), page_size(), page_size(),
                      MREMAP_MAYMOVE | MREMAP_FIXED, target) != MAP_FAILED;
  }
  return false;
}

// After `calls` that succeeded.
Result<> check_data(const Arena& arena, Op op, std::size_t calls)
{
  if (op == by_mremap)
    for (std::size_t i = 0; i < calls; ++i)
      if (auto moved = check_pages(arena.at(kAreaPages + 1 + i), 1, arena.at(kAreaPages - 1 - i));
          !moved)
        return moved;
  const std::size_t left = op == by_mremap ? kAreaPages - calls : kAreaPages;
  for (std::size_t page = 0; page < left; ++page)
    if (!(op == by_punch && page % 2 == 1 && page < 2 * calls))
      if (auto good = check_pages(arena.at(page), 1); !good)
        return good;
  return ok();
}

// The process that goes to the limit; all in it happens in the child.
class Climber
{
 public:
  Climber(const Arena& arena, Op op, Place place, std::size_t limit, Told& told)
      : arena_(arena), op_(op), place_(place), limit_(limit), told_(told)
  {
  }
  Result<> prepare()
  {
    const auto maps = read_file("/proc/self/maps");
    if (!maps)
      return maps.error();
    // The one line that is no VMA of the process (x86).
    gate_lines_ = maps->find("[vsyscall]") == std::string::npos ? 0 : 1;
    const auto now = count_map_lines();  // what reading them allocated included
    if (!now)
      return now.error();
    const std::size_t others = *now - gate_lines_ + 1;  // with the area
    if (limit_ < others + kRoom)
      return Error{.code = Errc::unsupported, .context = "vm.max_map_count leaves no room"};
    return fill(place_ == near ? limit_ - kRoom - others : 0);
  }
  Result<> build()
  {
    calls_ = 0;
    if (auto mapped = arena_.map(arena_.at(0), kAreaPages); !mapped)
      return mapped;
    touch(arena_.at(0), kAreaPages);
    return ok();
  }
  Result<> act()
  {
    for (; calls_ < kTimed; ++calls_)
      if (!operate(arena_, op_, calls_))
        return os_error("a call below the limit");
    return ok();
  }
  Result<> go_to_limit()
  {
    while (calls_ < kMost && operate(arena_, op_, calls_))
      ++calls_;
    if (calls_ == kMost)
      return Error{.code = Errc::mismatch, .context = "vm.max_map_count refused nothing"};
    if (errno != ENOMEM)
      return Error{.code = Errc::mismatch,
                   .context = "the call at vm.max_map_count gave other than ENOMEM",
                   .sys_errno = errno};
    return ok();
  }
  Result<> tell() const
  {
    const auto lines = count_map_lines();
    if (!lines)
      return lines.error();
    const auto vmas = static_cast<double>(*lines - gate_lines_);
    const double each = op_ == by_split ? 2 : 1;
    const auto calls = static_cast<double>(calls_);
    const auto limit = static_cast<double>(limit_);
    told_.number(succeeded) = calls;
    told_.number(above_limit) = vmas - limit;
    told_.number(left_behind) = vmas - (limit - kRoom + each * calls);
    return ok();
  }
  Result<> check() const { return check_data(arena_, op_, calls_); }

 private:
  const Arena& arena_;
  Op op_;
  Place place_;
  std::size_t limit_;
  Told& told_;
  std::size_t gate_lines_ = 0;
  std::size_t calls_ = 0;
};

// Never returns: the parent ends it. Released from the beginning, a Meeting counts
// arrivals and holds nobody up; who acts next is a matter of turns.
[[noreturn]] void climb(Climber& climber, bool to_limit, Meeting& meeting, Told& told)
{
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::uint32_t turn = 0;
  auto step = [&](auto&& work) {
    if (told.good())
      told.keep(work());
  };
  auto hand_over = [&] {
    meeting.arrive_and_wait();
    if (!meeting.wait_turn(++turn))
      sys_exit(1);
  };
  step([&] { return climber.prepare(); });
  for (;;) {
    step([&] { return climber.build(); });
    hand_over();
    step([&] { return climber.act(); });
    hand_over();
    if (to_limit) {
      step([&] { return climber.go_to_limit(); });
      step([&] { return climber.tell(); });
    }
    hand_over();
    step([&] { return climber.check(); });
    ::munmap(reinterpret_cast<char*>(kArenaBegin), kArenaEnd - kArenaBegin);
  }
}

// The parent's side.
struct Climb {
  Meeting& meeting;
  const Told& told;
  pid_t child;
  std::uint32_t turn = 0;

  Result<> await() const
  {
    if (!meeting.await_arrivals(static_cast<int>(turn + 1)))
      return Error{.code = Errc::os, .context = "the child at the limit does not answer"};
    return told.result();
  }
  void go_on() { meeting.set_turn(++turn); }
};

Result<> iterate(benchmark::State& state, Meter& meter, Climb& climb)
{
  if (auto built = climb.await(); !built)
    return built;
  meter.start();
  climb.go_on();
  auto acted = climb.await();
  meter.stop(state);
  if (!acted)
    return acted;
  climb.go_on();
  if (auto there = climb.await(); !there)
    return there;
  const pid_t family[] = {::getpid(), climb.child};
  meter.observe(family);
  climb.go_on();
  return climb.await();  // of the check, and of what the next operation begins with
}

void time_climb(benchmark::State& state, Meter& meter, Climb& climb)
{
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(state, meter, climb); !done)
      return meter.fail(state, done.error());
}

void run(benchmark::State& state, Meter& meter)
{
  auto stage = Stage::create();
  if (!stage)
    return meter.fail(state, stage.error());
  auto told = Told::create();
  if (!told)
    return meter.fail(state, told.error());
  const auto limit = read_limit();
  if (!limit)
    return meter.fail(state, limit.error());
  const Place place{state.range(1)};
  const bool to_limit = place == near && meter.observing();
  Climber climber(stage->arena, Op{state.range(0)}, place, *limit, *told);
  stage->meeting.release();
  const pid_t child = sys_fork();
  if (child == 0)
    climb(climber, to_limit, stage->meeting, *told);
  if (child < 0)
    return meter.fail(state, os_error("fork the child that goes to the limit"));
  Climb climb{.meeting = stage->meeting, .told = *told, .child = child};
  time_climb(state, meter, climb);
  ::kill(child, SIGKILL);
  reap(child);
  if (to_limit && !meter.failure()) {
    meter.outcome("operations_until_limit", told->number(succeeded));
    meter.outcome("vmas_at_limit", told->number(above_limit));
    meter.outcome("vmas_of_refused_call", told->number(left_behind));
  }
}

}  // namespace

const Workload map_limit{
    .name = "map_limit",
    .summary = "calls that make VMAs near vm.max_map_count and far from it; the first refused",
    .kernel_path = "__split_vma, do_munmap, do_mmap, copy_vma: mm->map_count",
    .patches = "control",
    .item = "mprotect, munmap, mmap or mremap",
    .arguments = {{.name = "op", .labels = {"split", "punch", "mmap", "mremap"}},
                  {.name = "place", .labels = {"far", "near"}}},
    .quick = {{by_split, far}, {by_split, near}, {by_mmap, near}, {by_mremap, near}},
    .full = {{by_split, far},
             {by_punch, far},
             {by_mmap, far},
             {by_mremap, far},
             {by_split, near},
             {by_punch, near},
             {by_mmap, near},
             {by_mremap, near}},
    .items = [](const Values&) { return std::int64_t{kTimed}; },
    .weight = [](const Values&) { return 4 * std::int64_t{kAreaPages}; },
    // Some 400 bytes a VMA, its share of the VMA tree included.
    .memory_pages = [](const Values& v) -> std::int64_t {
      const auto limit = v[1] == near ? read_limit() : Result<std::size_t>(0);
      return 2 * kProcessPages + 2 * std::int64_t{kAreaPages} +
             (limit ? static_cast<std::int64_t>(*limit * 400 / page_size()) : 0);
    },
    .run = run,
};

}  // namespace rmaplab
