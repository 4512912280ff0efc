// SPDX-License-Identifier: GPL-2.0-only
// map_anywhere: N mmaps of anonymous memory without an address, each written once: where the
// kernel puts them, and whether they become one VMA.
//
// Sharing: one process; mappings that touch merge and have one anon_vma, those that do not are
// a VMA with an anon_vma and an AVC each. kib=4632 is more than a huge page and no multiple of
// one: a kernel of 6.7 or later that aligns such to 2 MiB, too, leaves a gap after each.
// kib=2048 is one huge page, kib=16 none. mapped_vmas is how many VMAs hold them, mapped_gaps
// how many neighbours do not touch, huge_slots how many aligned huge pages fit in each alone.
// Kernel: get_unmapped_area(), thp_get_unmapped_area(), vma_merge_new_range(),
// __anon_vma_prepare(). Figures are per mmap, with one page fault.
// Not measured: munmap; huge pages themselves, which are off for the process; files.
#include <sys/mman.h>

#include <algorithm>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

// Mappings of one size, wherever the kernel puts them.
class Anywhere
{
 public:
  Anywhere(std::size_t count, std::size_t bytes) : bytes_(bytes) { at_.reserve(count); }
  Anywhere(const Anywhere&) = delete;
  Anywhere& operator=(const Anywhere&) = delete;
  ~Anywhere() { unmap(); }

  Result<> map()
  {
    for (std::size_t i = 0; i < at_.capacity(); ++i) {
      void* const at =
          ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (at == MAP_FAILED)
        return os_error("mmap");
      at_.push_back(static_cast<char*>(at));
      touch(at_.back(), 1);
    }
    return ok();
  }
  void unmap()
  {
    for (char* const at : at_)
      ::munmap(at, bytes_);
    at_.clear();
  }
  Result<> check() const
  {
    for (char* const at : at_)
      if (auto good = check_pages(at, 1); !good)
        return good;
    return ok();
  }
  Result<> tell(Meter& meter) const
  {
    std::vector<std::uint64_t> begins;
    for (char* const at : at_)
      begins.push_back(reinterpret_cast<std::uint64_t>(at));
    std::sort(begins.begin(), begins.end());
    std::size_t gaps = 0;
    std::size_t slots = 0;
    const std::uint64_t huge = pmd_size();
    for (std::size_t i = 0; i < begins.size(); ++i) {
      gaps += i > 0 && begins[i - 1] + bytes_ != begins[i];
      const std::uint64_t first = (begins[i] + huge - 1) / huge;
      slots += std::max((begins[i] + bytes_) / huge, first) - first;
    }
    const auto maps = read_file("/proc/self/maps");
    if (!maps)
      return maps.error();
    std::size_t vmas = 0;
    for (const std::string_view line : lines_of(*maps)) {
      const auto dash = line.find('-');
      const auto begin = parse_u64(line.substr(0, dash), 16);
      const auto end = dash == std::string_view::npos
                           ? std::nullopt
                           : parse_u64(line.substr(dash + 1, line.find(' ') - dash - 1), 16);
      if (!begin || !end)
        return Error{.code = Errc::parse, .context = "/proc/self/maps: expected a mapping"};
      const auto held = std::lower_bound(begins.begin(), begins.end(), *begin);
      vmas += held != begins.end() && *held < *end;
    }
    meter.outcome("mapped_vmas", static_cast<double>(vmas));
    meter.outcome("mapped_gaps", static_cast<double>(gaps));
    meter.outcome("huge_slots", static_cast<double>(slots));
    return ok();
  }

 private:
  std::size_t bytes_;
  std::vector<char*> at_;
};

void run(benchmark::State& state, Meter& meter)
{
  Anywhere mappings(range_of(state, 0), range_of(state, 1) << 10);
  for ([[maybe_unused]] auto _ : state) {
    mappings.unmap();
    meter.start();
    const auto mapped = mappings.map();
    meter.stop(state);
    if (!mapped)
      return meter.fail(state, mapped.error());
  }
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  if (auto told = mappings.tell(meter); !told)
    return meter.fail(state, told.error());
  if (auto intact = mappings.check(); !intact)
    return meter.fail(state, intact.error());
}

}  // namespace

const Workload map_anywhere{
    .name = "map_anywhere",
    .summary = "N mmaps without an address, each written: VMAs, gaps, room for huge pages",
    .kernel_path = "get_unmapped_area, thp_get_unmapped_area, vma_merge_new_range",
    .patches = "control",
    .item = "mmap",
    .arguments = {{.name = "maps"}, {.name = "kib"}},
    .quick = {{100, 16}, {100, 2048}, {100, 4632}},
    .full = {{10, 16},
             {10, 2048},
             {10, 4632},
             {100, 16},
             {100, 2048},
             {100, 4632},
             {1000, 16},
             {1000, 2048},
             {1000, 4632}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 4 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 6 * v[0]; },
    .run = run,
    .late = true,
};

}  // namespace rmaplab
