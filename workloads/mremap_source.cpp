// SPDX-License-Identifier: GPL-2.0-only
// mremap_source: what can be moved, in which way, and what it costs, by what the source is.
//
// Sharing: one VMA with one anon_vma (none where nothing was written), moved as a whole to a
// free place. kind: anon; zero (only read: the zero page); mlocked; private_memfd (written
// copies of a file's pages); guard (its first page a guard page, 6.13); mseal (sealed, 6.10:
// must be refused with EPERM); ksm (every page merged with the others); thp and
// thp_unaligned (one huge page, to a place aligned as it is or one page off: split); mthp
// (folios of 16 pages); swapped (every page paged out); pinned (buffers of an io_uring, as
// pages pinned for a device are).
// Kernel: copy_vma(), move_page_tables() > move_ptes(), move_huge_pmd() or a split;
// ksm_madvise() breaks merged pages before plain moves of them; move_pages() of
// mm/userfaultfd.c, which refuses what it cannot have for itself alone. Series 2: which of
// them relocate, fall back (relocate) or are refused (must). One figure is one move of 64
// pages (thp: of one huge page). moves_relocated, moves_refused and its errno say what came of
// it; the content is compared at the place where it is then, and where the machine has two nodes
// every page is sent to the other and back: the reverse mapping still finds it.
// Not measured: making the source what it is. Huge pages and KSM are switched on for the
// workload alone and put back: the session runs without.
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "base/ticks.h"
#include "base/unique_fd.h"
#include "workloads/huge_pages.h"
#include "workloads/move.h"
#include "workloads/pinned_buffer.h"
#include "workloads/reach.h"
#include "workloads/rows.h"
#include "workloads/swap_space.h"
#include "workloads/system_setting.h"
#include "workloads/vma_span.h"

namespace rmaplab
{

namespace
{

enum Kind : std::int64_t {
  anon,
  zero,
  mlocked,
  memfd,
  guard,
  sealed,
  ksm,
  thp,
  thp_unaligned,
  mthp,
  swapped,
  pinned
};

// Newer than the headers that we build with.
constexpr int kMadvGuardInstall = 102;  // 6.13
constexpr long kSysMseal = 462;         // 6.10, one number for all

constexpr std::size_t kSmallPages = 64;
constexpr std::size_t kMthpPages = 16;
constexpr char kKsmByte = 0x5a;
constexpr std::uint64_t kPagemapSwapped = std::uint64_t{1} << 62;

std::size_t pages_of(Kind kind)
{
  return kind == thp || kind == thp_unaligned ? pmd_size() / page_size() : kSmallPages;
}

Error cannot(std::string what)
{
  Error error = os_error(std::move(what));
  error.code = Errc::unsupported;
  return error;
}

// madvise that a kernel may not know.
Result<> advise(char* at, std::size_t pages, int advice, const char* name)
{
  return ::madvise(at, pages * page_size(), advice) < 0 ? Result<>(cannot(name)) : ok();
}

Result<> map_memfd(char* at, std::size_t pages)
{
  const UniqueFd file(::memfd_create("rmaplab-source", MFD_CLOEXEC));
  if (!file || ::ftruncate(file.get(), static_cast<off_t>(pages * page_size())) < 0)
    return os_error("memfd of the source");
  if (::mmap(at, pages * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE,
             file.get(), 0) == MAP_FAILED)
    return os_error("mmap of a memfd");
  return ok();
}

// Nothing can take a sealed mapping away, so there is one for the life of the process,
// outside of the arena, for the moves that must all be refused.
Result<char*> sealed_area()
{
  static char* area = nullptr;
  if (area)
    return area;
  const std::size_t bytes = kSmallPages * page_size();
  void* const got =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (got == MAP_FAILED)
    return os_error("mmap of what is to be sealed");
  touch(static_cast<char*>(got), kSmallPages);
  if (::syscall(kSysMseal, got, bytes, 0) != 0) {
    const Error error = cannot("mseal");
    ::munmap(got, bytes);
    return error;
  }
  area = static_cast<char*>(got);
  return area;
}

std::uint64_t number_in(const std::string& path)
{
  const auto text = read_file(path);
  return text ? parse_u64(trim(*text)).value_or(0) : 0;
}

// Until ksmd has merged all pages of this process that may be; ksmd rests again afterwards.
// It waits without sleeping: a figure of the exact lab must hold no idle time.
Result<> merge_with_ksm(char* at, std::size_t pages)
{
  std::memset(at, kKsmByte, pages * page_size());
  if (auto advised = advise(at, pages, MADV_MERGEABLE, "MADV_MERGEABLE"); !advised)
    return advised;
  const auto fast = SystemSetting::set("/sys/kernel/mm/ksm/sleep_millisecs", "1");
  const auto many = SystemSetting::set("/sys/kernel/mm/ksm/pages_to_scan", "5000");
  const auto running = SystemSetting::set("/sys/kernel/mm/ksm/run", "1");
  if (!running || !fast || !many)
    return !running ? running.error() : !fast ? fast.error() : many.error();
  for (const auto begin = monotonic_ns(); monotonic_ns() - begin < 10'000'000'000;) {
    if (number_in("/proc/self/ksm_merging_pages") >= pages)
      return ok();
    ::sched_yield();
  }
  return Error{.code = Errc::unsupported, .context = "KSM did not merge the pages within 10 s"};
}

// Folios of 16 pages, as the sizes' own counter says; the kernel may give smaller ones.
Result<> touch_mthp(char* at, std::size_t pages)
{
  const std::string size = fmt::format("/sys/kernel/mm/transparent_hugepage/hugepages-{}kB/",
                                       kMthpPages * page_size() / 1024);
  const auto on = SystemSetting::set(size + "enabled", "always");
  if (!on)
    return on.error();
  const auto before = number_in(size + "stats/anon_fault_alloc");
  touch(at, pages);
  const auto got = number_in(size + "stats/anon_fault_alloc") - before;
  if (got < pages / kMthpPages)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("{} folios of {} pages came of {} faults", got, kMthpPages,
                                        pages / kMthpPages)};
  return ok();
}

// Reads one byte of each page.
void read_pages(const char* at, std::size_t pages)
{
  for (std::size_t i = 0; i < pages; ++i)
    static_cast<void>(*static_cast<const volatile char*>(at + i * page_size()));
}

// Pages still wait to be put on the LRU list, where a page-out finds them, or are being
// written: one call does not take them all.
Result<> page_out(char* at, std::size_t pages)
{
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::vector<std::uint64_t> entries(pages);
  const std::size_t bytes = pages * sizeof entries[0];
  for (int tries = 0; tries < 100; ++tries) {
    if (auto advised = advise(at, pages, MADV_PAGEOUT, "MADV_PAGEOUT"); !advised)
      return advised;
    const auto offset = reinterpret_cast<std::uint64_t>(at) / page_size() * sizeof entries[0];
    if (::pread(pagemap.get(), entries.data(), bytes, static_cast<off_t>(offset)) !=
        static_cast<ssize_t>(bytes))
      return os_error("read /proc/self/pagemap");
    if (std::all_of(entries.begin(), entries.end(),
                    [](std::uint64_t entry) { return (entry & kPagemapSwapped) != 0; }))
      return ok();
  }
  return Error{.code = Errc::unsupported, .context = "pages stayed in memory after MADV_PAGEOUT"};
}

Result<> make_kind(Kind kind, char* at, std::size_t pages)
{
  switch (kind) {
    case zero:
      read_pages(at, pages);
      return ok();
    case ksm:
      return merge_with_ksm(at, pages);
    case mthp:
      return touch_mthp(at, pages);
    default:
      touch(at, pages);
  }
  if (kind == mlocked && ::mlock(at, pages * page_size()) < 0)
    return cannot("mlock");
  if (kind == swapped)
    return page_out(at, pages);
  if (kind == guard)
    return advise(at, 1, kMadvGuardInstall, "MADV_GUARD_INSTALL");
  if (kind == thp || kind == thp_unaligned)
    return collapse(at) < 0 ? Result<>(cannot("MADV_COLLAPSE")) : ok();
  return ok();
}

Result<char*> build(const Arena& arena, Kind kind)
{
  if (kind == sealed)
    return sealed_area();
  char* const at = arena.block(0);
  const std::size_t pages = pages_of(kind);
  auto mapped = kind == memfd ? map_memfd(at, pages) : arena.map(at, pages);
  if (mapped)
    mapped = make_kind(kind, at, pages);
  if (!mapped)
    return mapped.error();
  return at;
}

Result<> check_content(Kind kind, const char* at, const char* origin)
{
  const std::size_t pages = pages_of(kind);
  if (kind == zero)
    return check_zero_pages(at, pages);
  if (kind == guard)
    return check_pages(at + page_size(), pages - 1, origin + page_size());
  if (kind != ksm)
    return check_pages(at, pages, origin);
  if (std::all_of(at, at + pages * page_size(), [](char c) { return c == kKsmByte; }))
    return ok();
  return Error{.code = Errc::mismatch, .context = "a page that KSM had merged changed"};
}

// That a walk from each page finds its entry. Neither zero pages nor those of KSM nor pinned
// ones migrate; with one node none does.
Result<> check_reachable(Kind kind, char* at)
{
  if (kind == zero || kind == ksm || kind == pinned || kind == sealed)
    return ok();
  const std::size_t skipped = kind == guard ? 1 : 0;
  auto reached = migrate_there_and_back(at + skipped * page_size(), pages_of(kind) - skipped);
  if (!reached && reached.error().code == Errc::unsupported)
    return ok();
  return reached;
}

// A neighbour has none of the flags of these two, and flags that differ do not merge either.
void drop_flags(Kind kind, char* at)
{
  const std::size_t bytes = pages_of(kind) * page_size();
  if (kind == mlocked)
    ::munlock(at, bytes);
  if (kind == ksm)
    ::madvise(at, bytes, MADV_UNMERGEABLE);
}

struct Move {
  Kind kind;
  char* from;
  char* to;
  std::size_t vmas_before;
  int refusal;  // errno, 0: was moved
};

// Of a move that was observed; the last that is done with it.
Result<> report(const Arena& arena, Meter& meter, const Move& move)
{
  const auto spans = arena_spans();
  if (!spans)
    return spans.error();
  MoveOutcomes outcomes{.attempted = 1,
                        .refused = move.refusal != 0 ? std::size_t{1} : 0,
                        .refusal = move.refusal,
                        .relocated = 0,
                        .merged = 0,
                        .vmas_before = move.vmas_before,
                        .vmas_after = spans->size()};
  if (move.refusal == 0) {
    drop_flags(move.kind, move.to);
    const auto merges = merges_behind(arena, move.to + pages_of(move.kind) * page_size());
    if (!merges)
      return merges.error();
    outcomes.relocated = *merges ? 1 : 0;
  }
  report_outcomes(meter, outcomes);
  return ok();
}

// Which refusals are outcomes: all but those of plain and copy, for which only a seal is one.
Result<> judge(Kind kind, Way way, int refusal)
{
  if (kind == sealed && refusal != EPERM)
    return Error{.code = Errc::mismatch,
                 .context = "a sealed VMA was not refused with EPERM",
                 .sys_errno = refusal};
  if (refusal != 0 && kind != sealed && (way == way::plain || way == way::copy))
    return Error{.context = "move of a source", .sys_errno = refusal};
  return ok();
}

Result<> iterate(const Arena& arena, const Mover& mover, benchmark::State& state, Meter& meter)
{
  const Kind kind{state.range(0)};
  const Way way{state.range(1)};
  const auto from = build(arena, kind);
  if (!from)
    return from.error();
  const auto before = arena_spans();
  if (!before)
    return before.error();
  std::optional<PinnedBuffer> pin;
  if (kind == pinned) {
    auto buffer = PinnedBuffer::pin(*from, pages_of(kind));
    if (!buffer)
      return buffer.error();
    pin.emplace(*std::move(buffer));
  }
  char* const to = arena.block(4) + (kind == thp || kind == thp_unaligned ? 0 : page_size()) +
                   (kind == thp_unaligned ? page_size() : 0);
  meter.start();
  const bool moved = mover.move(*from, to, pages_of(kind) * page_size());
  const int refusal = moved ? 0 : errno;
  meter.stop(state);
  if (auto judged = judge(kind, way, refusal); !judged)
    return judged;
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  if (auto intact = check_content(kind, moved ? to : *from, *from); !intact)
    return intact;
  if (auto seen = pin ? pin->check_seen(*from) : ok(); !seen)
    return seen;
  if (!meter.observing())
    return ok();
  if (auto reached = check_reachable(kind, moved ? to : *from); !reached)
    return reached;
  return report(
      arena, meter,
      {.kind = kind, .from = *from, .to = to, .vmas_before = before->size(), .refusal = refusal});
}

// What a way would do to itself with a source.
Result<> sensible(Kind kind, Way way)
{
  if (way == way::uffd_once)
    return Error{.code = Errc::unsupported, .context = "one move registers as often as way=uffd"};
  if (kind == guard && way == way::copy)
    return Error{.code = Errc::unsupported, .context = "memcpy cannot read a guard page"};
  if (kind == sealed && way == way::uffd)
    return Error{.code = Errc::unsupported,
                 .context = "UFFDIO_MOVE would empty a sealed source that cannot be unmapped"};
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  if (auto can = sensible(Kind{state.range(0)}, Way{state.range(1)}); !can)
    return meter.fail(state, can.error());
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  auto mover = Mover::create(Way{state.range(1)});
  if (!mover)
    return meter.fail(state, mover.error());
  std::optional<SwapSpace> swap;
  if (state.range(0) == swapped) {
    auto space = SwapSpace::enable();
    if (!space)
      return meter.fail(state, space.error());
    swap.emplace(*std::move(space));
  }
  // The session switched huge pages off for this process.
  ::prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
  for ([[maybe_unused]] auto _ : state) {
    if (auto done = iterate(*arena, *mover, state, meter); !done)
      return meter.fail(state, done.error());
    arena->clear();
  }
}

}  // namespace

const Workload mremap_source{
    .name = "mremap_source",
    .summary = "one VMA is moved, of each kind that mremap or UFFDIO_MOVE treat differently",
    .kernel_path = "copy_vma, move_page_tables, move_huge_pmd, ksm_madvise, userfaultfd_move",
    .patches = "series 2; series 1: 8, 9",
    .item = "move",
    .arguments = {{.name = "kind",
                   .labels = {"anon", "zero", "mlocked", "private_memfd", "guard", "mseal", "ksm",
                              "thp", "thp_unaligned", "mthp", "swapped", "pinned"}},
                  way_argument()},
    .quick = {{anon, way::plain},
              {mlocked, way::plain},
              {sealed, way::plain},
              {thp, way::plain},
              {anon, way::uffd},
              {anon, way::relocate}},
    .full = {{anon, way::plain},       {zero, way::plain},      {mlocked, way::plain},
             {memfd, way::plain},      {guard, way::plain},     {sealed, way::plain},
             {ksm, way::plain},        {thp, way::plain},       {thp_unaligned, way::plain},
             {mthp, way::plain},       {swapped, way::plain},   {pinned, way::plain},
             {anon, way::relocate},    {zero, way::relocate},   {mlocked, way::relocate},
             {memfd, way::relocate},   {guard, way::relocate},  {sealed, way::relocate},
             {ksm, way::relocate},     {thp, way::relocate},    {mthp, way::relocate},
             {swapped, way::relocate}, {pinned, way::relocate}, {mlocked, way::must},
             {memfd, way::must},       {ksm, way::must},        {thp, way::must},
             {pinned, way::must},      {anon, way::uffd},       {zero, way::uffd},
             {mlocked, way::uffd},     {memfd, way::uffd},      {guard, way::uffd},
             {ksm, way::uffd},         {thp, way::uffd},        {thp_unaligned, way::uffd},
             {mthp, way::uffd},        {swapped, way::uffd},    {pinned, way::uffd}},
    .weight = [](const Values& v) -> std::int64_t {
      return v[0] == ksm ? 20000 : v[0] == thp || v[0] == thp_unaligned ? 512 : kSmallPages;
    },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return kProcessPages + 3 * static_cast<std::int64_t>(pages_of(Kind{v[0]}));
    },
    .run = run,
    .freed_elsewhere =
        [](const Values& v) { return v[0] == ksm ? kKsmdHolds : std::string_view{}; },
};

}  // namespace rmaplab
