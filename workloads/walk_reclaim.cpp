// SPDX-License-Identifier: GPL-2.0-only
// walk_reclaim: pages of a family of processes are paged out.
//
// Sharing: as in walk_migrate: an area of V VMAs is written, then forked (depth, fanout),
// and the pages of one VMA are taken. by=all: every process maps them; by=first: the others
// have copies of their own.
// Kernel: rmap_walk_anon(), root read-locked. driver=madvise, MADV_PAGEOUT by the first
// process: try_to_unmap(), which ends with the last mapping (folio_not_mapped()), so that
// by=first costs hardly more than no family: the first process is met first.
// process_madvise: the first process asks for pages of the last one of the family, by
// pidfd; by=first those are that one's own. memcg: memory.reclaim of a cgroup in which the
// first process's pages alone are: folio_referenced() through all VMAs, which gives a busy
// lock up, then try_to_unmap(). MADV_PAGEOUT passes over pages that others map too,
// whoever asks (pages_out is 0, the figure is what passing over costs); memory.reclaim
// takes them. Series 1 (4, 8) shortens what such walks wait for. Figures are per page asked
// for, the write to a RAM disk included; depth=0 is the page of nobody else.
// Not measured: reading the pages back, by every process, before the next operation. Pages
// that are nobody else's are then written too, so that each time they are dirty; shared
// ones cannot be.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <csignal>
#include <optional>

#include "base/unique_fd.h"
#include "workloads/cgroup.h"
#include "workloads/family.h"
#include "workloads/numa.h"
#include "workloads/rows.h"
#include "workloads/swap_space.h"

namespace rmaplab
{

namespace
{

enum By : std::int64_t { all, first };
enum Driver : std::int64_t { madvise, process_madvise, memcg };

constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;  // of an entry of pagemap

FamilyShape shape_of(const Values& v)
{
  return {.depth = static_cast<std::size_t>(v[0]),
          .fanout = static_cast<std::size_t>(v[1]),
          .vmas = static_cast<std::size_t>(v[2]),
          .pages = static_cast<std::size_t>(v[3]),
          .mapped_by = v[4] == all ? MappedBy::all : MappedBy::first};
}

struct Target {
  Driver driver;
  const Family& family;
  const Cgroup* cgroup;
  pid_t pid;  // whose pages are asked for
  UniqueFd pidfd;
  bool own;  // nobody else maps them
  std::string bytes;

  std::size_t pages() const { return family.page_count(); }
};

Result<UniqueFd> open_pidfd(pid_t pid)
{
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd)
    return os_error("pidfd_open");
  return fd;
}

long ask(const Target& target)
{
  const struct iovec range = {.iov_base = target.family.pages(),
                              .iov_len = target.pages() * page_size()};
  switch (target.driver) {
    case madvise:
      return ::madvise(range.iov_base, range.iov_len, MADV_PAGEOUT);
    case process_madvise:
      return ::syscall(SYS_process_madvise, target.pidfd.get(), &range, 1, MADV_PAGEOUT, 0);
    case memcg:
      return target.cgroup->reclaim(target.bytes);
  }
  return -1;
}

Result<std::size_t> pages_out(const Target& target)
{
  const std::string path = fmt::format("/proc/{}/pagemap", target.pid);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file)
    return Error{.code = Errc::unsupported, .context = "no " + path};
  std::vector<std::uint64_t> entries(target.pages());
  const std::size_t bytes = entries.size() * sizeof entries[0];
  const auto offset =
      reinterpret_cast<std::uintptr_t>(target.family.pages()) / page_size() * sizeof entries[0];
  if (::pread(file.get(), entries.data(), bytes, static_cast<off_t>(offset)) !=
      static_cast<ssize_t>(bytes))
    return os_error("read " + path);
  std::size_t out = 0;
  for (const std::uint64_t entry : entries)
    out += (entry & kSwapped) != 0;
  return out;
}

// Each page read, and written with what it holds where asked for; faults it in, whosever.
// Not by process_vm_readv(2): it pins, and a pin gives a process its own copy of a page of
// anonymous memory that others map (FAULT_FLAG_UNSHARE).
Result<> bring_in(const Target& target, pid_t pid, bool rewrite)
{
  const std::string path = fmt::format("/proc/{}/mem", pid);
  const UniqueFd memory(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!memory)
    return os_error("open " + path);
  for (std::size_t i = 0; i < target.pages(); ++i) {
    std::uint64_t word = 0;
    const auto at = static_cast<off_t>(
        reinterpret_cast<std::uintptr_t>(target.family.pages() + i * page_size()));
    if (::pread(memory.get(), &word, sizeof word, at) != sizeof word ||
        (rewrite && ::pwrite(memory.get(), &word, sizeof word, at) != sizeof word))
      return os_error("bring a page of the family in again");
  }
  return ok();
}

Result<> bring_all_in(const Target& target)
{
  if (target.own)
    return bring_in(target, target.pid, true);
  for (const pid_t pid : target.family.pids())
    if (auto in = bring_in(target, pid, false); !in)
      return in;
  return ok();
}

Result<std::size_t> iterate(const Target& target, benchmark::State& state, Meter& meter)
{
  drain_lru_batches(target.family.pages());
  meter.start();
  const long answer = ask(target);
  meter.stop(state);
  if (answer < 0 && !(target.driver == memcg && errno == EAGAIN))
    return os_error("ask for reclaim");
  const auto out = pages_out(target);
  if (auto in = bring_all_in(target); !in)
    return in.error();
  return out;
}

Result<> loop(const Target& target, benchmark::State& state, Meter& meter)
{
  for ([[maybe_unused]] auto _ : state) {
    const auto out = iterate(target, state, meter);
    if (!out)
      return out.error();
    meter.outcome("pages_out", static_cast<double>(*out));
  }
  meter.observe(target.family.pids());
  return ok();
}

// A child that spins: while swap is switched on and off and a cgroup entered and left the
// first process sleeps (6.12: 70 ms and 9 ms in a case), and in the exact lab a repetition with
// idle time in it is not counted.
class Awake
{
 public:
  Awake() { start(); }
  Awake(Awake&&) = delete;
  ~Awake() { stop(); }
  void start()
  {
    pid_ = sys_fork();
    if (pid_ != 0)
      return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      ::sched_yield();
  }
  void stop()
  {
    if (pid_ > 0 && ::kill(pid_, SIGKILL) == 0)
      static_cast<void>(reap(pid_));
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
};

Result<> reclaim(const Values& values, const Cgroup* cgroup, Awake& awake, benchmark::State& state,
                 Meter& meter)
{
  const Driver driver{values[5]};
  auto arena = Arena::create();
  if (!arena)
    return arena.error();
  FamilyShape shape = shape_of(values);
  shape.cgroup = cgroup;
  auto family = Family::create(*arena, shape);
  awake.stop();
  if (!family)
    return family.error();
  const pid_t pid = driver == process_madvise ? family->pids().back() : ::getpid();
  auto pidfd = open_pidfd(pid);
  if (!pidfd)
    return pidfd.error();
  const Target target{.driver = driver,
                      .family = *family,
                      .cgroup = cgroup,
                      .pid = pid,
                      .pidfd = *std::move(pidfd),
                      .own = shape.mapped_by == MappedBy::first || shape.descendants() == 0,
                      .bytes = std::to_string(shape.pages * page_size())};
  if (auto done = loop(target, state, meter); !done)
    return done;
  return family->check_and_end();
}

void run(benchmark::State& state, Meter& meter)
{
  Awake awake;  // lives longer than the swap and the cgroup
  const auto swap = SwapSpace::enable();
  if (!swap)
    return meter.fail(state, swap.error());
  const Values values = {state.range(0), state.range(1), state.range(2),
                         state.range(3), state.range(4), state.range(5)};
  std::optional<Cgroup> cgroup;
  if (values[5] == memcg) {
    auto created = Cgroup::create();
    if (!created)
      return meter.fail(state, created.error());
    cgroup.emplace(*std::move(created));
  }
  if (auto done = reclaim(values, cgroup ? &*cgroup : nullptr, awake, state, meter); !done)
    meter.fail(state, done.error());
  awake.start();
}

}  // namespace

const Workload walk_reclaim{
    .name = "walk_reclaim",
    .summary = "pages of a family of processes are paged out, by madvise or of a cgroup",
    .kernel_path = "rmap_walk_anon, folio_referenced, try_to_unmap",
    .patches = "series 1: 4, 8",
    .item = "page asked for",
    .arguments = {{.name = "depth"},
                  {.name = "fanout"},
                  {.name = "vmas"},
                  {.name = "pages"},
                  {.name = "by", .labels = {"all", "first"}},
                  {.name = "driver", .labels = {"madvise", "process_madvise", "memcg"}}},
    .quick = {{0, 0, 1, 16, first, madvise},
              {1, 10, 1, 16, first, madvise},
              {1, 10, 1, 16, all, madvise},
              {1, 10, 1, 16, first, process_madvise},
              {1, 10, 1, 16, first, memcg},
              {1, 10, 1, 16, all, memcg}},
    .full = {{0, 0, 1, 16, first, madvise},
             {1, 10, 1, 16, first, madvise},
             {1, 100, 1, 16, first, madvise},
             {10, 1, 1, 16, first, madvise},
             {1, 10, 1000, 16, first, madvise},
             {1, 10, 1, 16, all, madvise},
             {1, 10, 1, 16, first, process_madvise},
             {1, 100, 1, 16, first, process_madvise},
             {0, 0, 1, 16, first, memcg},
             {1, 10, 1, 16, first, memcg},
             {1, 10, 1, 16, all, memcg},
             {1, 100, 1, 16, all, memcg}},
    .items = [](const Values& v) { return v[3]; },
    .weight = [](const Values& v) -> std::int64_t {
      return 32 + v[3] * (1 + static_cast<std::int64_t>(shape_of(v).descendants()) / 8);
    },
    .memory_pages =
        [](const Values& v) {
          return shape_of(v).memory_pages() +
                 static_cast<std::int64_t>((kSwapKib << 10) / page_size());
        },
    .run = run,
};

}  // namespace rmaplab
