// SPDX-License-Identifier: GPL-2.0-only
// page_idle: pages that a family of processes shares are marked idle, one by one.
//
// Sharing: as in walk_migrate: an area is written and then forked, all processes alive.
// by=all: every process maps the pages. by=first: all others have written since and map
// copies of their own, and the walk visits their VMAs for nothing.
// Kernel: a write to /sys/kernel/mm/page_idle/bitmap, for each page of a set bit:
// page_idle_clear_pte_refs(), rmap_walk_anon() once, root read-locked, through all VMAs of
// the family; each page table entry that maps the page loses its accessed bit. Only the lock
// of the page is tried for (of anonymous pages since 6.19); the root's is waited for, so that
// it waits for the writers of series 1 (4, 8). Nothing is unmapped or moved: of all walks the
// one that does least beside walking. Figures are per page marked, 64 pages a word at most,
// one pwrite(2) a word. pages_idle says how many read back as idle: a read walks once more.
// Needs root and CONFIG_IDLE_PAGE_TRACKING, else a skip: no kernel this was written with has
// it, and where it was run the bitmap was an ordinary file, not the kernel's.
// Not measured: where the pages are (/proc/self/pagemap), the way to the LRU lists, the
// reading back, waits for the lock.
#include <fcntl.h>
#include <fmt/format.h>

#include <bit>
#include <cerrno>
#include <map>

#include "base/unique_fd.h"
#include "workloads/family.h"
#include "workloads/numa.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum By : std::int64_t { all, first };

constexpr const char* kBitmap = "/sys/kernel/mm/page_idle/bitmap";
constexpr std::uint64_t kWordBits = 64;
// Of an entry of pagemap; the frame reads as 0 without CAP_SYS_ADMIN.
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kFrame = (std::uint64_t{1} << 55) - 1;

// Word of the bitmap and the bits in it.
using Bits = std::map<std::uint64_t, std::uint64_t>;

FamilyShape shape_of(const Values& v)
{
  return {.depth = v[0] == 0 ? std::size_t{0} : 1,
          .fanout = static_cast<std::size_t>(v[0]),
          .pages = static_cast<std::size_t>(v[1]),
          .mapped_by = v[2] == all ? MappedBy::all : MappedBy::first};
}

Result<UniqueFd> open_bitmap()
{
  UniqueFd bitmap(::open(kBitmap, O_RDWR | O_CLOEXEC));
  if (bitmap)
    return bitmap;
  if (errno == ENOENT)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("no {}: CONFIG_IDLE_PAGE_TRACKING is off", kBitmap)};
  return Error{
      .code = Errc::unsupported, .context = fmt::format("open {}", kBitmap), .sys_errno = errno};
}

Result<Bits> bits_of(const char* at, std::size_t pages)
{
  std::vector<std::uint64_t> entries(pages);
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  const std::size_t bytes = pages * sizeof entries[0];
  const auto offset = reinterpret_cast<std::uintptr_t>(at) / page_size() * sizeof entries[0];
  if (!pagemap || ::pread(pagemap.get(), entries.data(), bytes, static_cast<off_t>(offset)) !=
                      static_cast<ssize_t>(bytes))
    return os_error("read /proc/self/pagemap");
  Bits bits;
  for (const std::uint64_t entry : entries) {
    const std::uint64_t frame = entry & kFrame;
    if (!(entry & kPresent))
      return Error{.code = Errc::os, .context = "a page of the family is not present"};
    if (frame == 0)
      return Error{.code = Errc::unsupported,
                   .context = "/proc/self/pagemap tells no frames: needs CAP_SYS_ADMIN"};
    bits[frame / kWordBits] |= std::uint64_t{1} << frame % kWordBits;
  }
  return bits;
}

off_t place_of(std::uint64_t word)
{
  return static_cast<off_t>(word * sizeof word);
}

// The bits of other pages are zero: those are left as they are.
bool mark(int bitmap, const Bits& bits)
{
  bool good = true;
  for (const auto& [word, mask] : bits)
    good = ::pwrite(bitmap, &mask, sizeof mask, place_of(word)) == sizeof mask && good;
  return good;
}

Result<std::size_t> count_idle(int bitmap, const Bits& bits)
{
  std::size_t idle = 0;
  for (const auto& [word, mask] : bits) {
    std::uint64_t found = 0;
    if (::pread(bitmap, &found, sizeof found, place_of(word)) != sizeof found)
      return os_error(fmt::format("read {}", kBitmap));
    idle += static_cast<std::size_t>(std::popcount(found & mask));
  }
  return idle;
}

Result<> iterate(const Family& family, int bitmap, benchmark::State& state, Meter& meter)
{
  drain_lru_batches(family.pages());  // other pages are passed over; may move the first one
  const auto bits = bits_of(family.pages(), family.page_count());
  if (!bits)
    return bits.error();
  meter.start();
  const bool marked = mark(bitmap, *bits);
  meter.stop(state);
  if (!marked)
    return os_error(fmt::format("write {}", kBitmap));
  const auto idle = count_idle(bitmap, *bits);
  if (!idle)
    return idle.error();
  meter.outcome("pages_idle", static_cast<double>(*idle));
  return ok();
}

Result<> mark_idle(const Values& values, benchmark::State& state, Meter& meter)
{
  const auto bitmap = open_bitmap();
  if (!bitmap)
    return bitmap.error();
  auto arena = Arena::create();
  if (!arena)
    return arena.error();
  auto family = Family::create(*arena, shape_of(values));
  if (!family)
    return family.error();
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(*family, bitmap->get(), state, meter); !done)
      return done;
  meter.observe(family->pids());
  return family->check_and_end();
}

void run(benchmark::State& state, Meter& meter)
{
  const Values values = {state.range(0), state.range(1), state.range(2)};
  if (auto done = mark_idle(values, state, meter); !done)
    meter.fail(state, done.error());
}

}  // namespace

const Workload page_idle{
    .name = "page_idle",
    .summary = "pages shared by a family of processes are marked idle",
    .kernel_path = "page_idle_clear_pte_refs, rmap_walk_anon",
    .patches = "series 1: 4, 8",
    .item = "page marked",
    .arguments = {{.name = "siblings"},
                  {.name = "pages"},
                  {.name = "by", .labels = {"all", "first"}}},
    .quick = {{0, 16, all}, {10, 16, all}, {10, 16, first}},
    .full = {{0, 1, all},
             {0, 16, all},
             {10, 16, all},
             {100, 16, all},
             {10, 16, first},
             {100, 16, first}},
    .items = [](const Values& v) { return v[1]; },
    .weight = [](const Values& v) { return 16 + v[1] * (1 + v[0] / 8); },
    .memory_pages = [](const Values& v) { return shape_of(v).memory_pages(); },
    .run = run,
};

}  // namespace rmaplab
