// SPDX-License-Identifier: GPL-2.0-only
// merge_next: K times a VMA merges with the next one, and there is none before it.
//
// Sharing: one process; the next VMA is faulted but in way fu. By way: mmap, new memory in
// front of it; uf, fu, ff, mprotect of the VMA in front of it, unfaulted and faulted, faulted and
// unfaulted, both faulted (of one anon_vma); part, the same of its last page only; mremap, a
// page that was moved away comes home in front of it.
// Kernel: the next VMA is the one that stays and grows downwards, where mprotect_merge has the
// previous one grow. mmap: vma_merge_new_range(); mprotect: vma_merge_existing_range() >
// commit_merge(), the middle one goes; part: the border between two VMAs moves; mremap:
// vma_merge_copied_range(). fu: dup_anon_vma() > anon_vma_clone() gives the next one the first's
// AVC, whose own goes with unlink_anon_vmas(): series 1, patches 5 and 9. ff and mremap: the
// unlink alone. Before 6.16 nothing merges in fu (Linux commit 879bca0a2c4f ("mm/vma: fix
// incorrectly disallowed anonymous VMA merges")). Figures are per merge.
// Not measured: what makes the VMAs, and the first page's move away.
#include <sys/mman.h>

#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

enum By : std::int64_t { mmap_front, uf, fu, ff, part, mremap_back };

constexpr std::size_t kStride = 4;  // three pages at most, and one that stays empty

class Pairs
{
 public:
  Pairs(const Arena& arena, std::size_t count, By by) : arena_(arena), count_(count), by_(by) {}

  Result<> build() const
  {
    return each([&](std::size_t i) { return build_one(i); });
  }
  Result<> act() const
  {
    return each([&](std::size_t i) { return merge_one(i); });
  }
  Result<> check() const
  {
    return each([&](std::size_t i) { return check_one(i); });
  }

 private:
  char* first(std::size_t i) const { return arena_.at(i * kStride); }
  char* next(std::size_t i) const { return first(i) + (by_ == part ? 2 : 1) * page_size(); }
  char* away(std::size_t i) const { return arena_.at(count_ * kStride + 2 * i); }

  template <typename Action>
  Result<> each(const Action& action) const
  {
    for (std::size_t i = 0; i < count_; ++i)
      if (auto done = action(i); !done)
        return done;
    return ok();
  }
  Result<> build_one(std::size_t i) const
  {
    if (by_ == mmap_front) {
      if (auto mapped = arena_.map(next(i), 1); !mapped)
        return mapped;
      touch(next(i), 1);
      return ok();
    }
    const std::size_t before = by_ == part ? 2 : 1;
    if (auto mapped = arena_.map(first(i), before + 1); !mapped)
      return mapped;
    if (by_ != mremap_back &&  // written to all the same
        ::mprotect(first(i), before * page_size(), PROT_WRITE) < 0)
      return os_error("mprotect to split");
    if (by_ != uf)
      touch(first(i), before);
    if (by_ != fu)
      touch(next(i), 1);
    if (by_ == mremap_back && ::mremap(first(i), page_size(), page_size(),
                                       MREMAP_MAYMOVE | MREMAP_FIXED, away(i)) == MAP_FAILED)
      return os_error("mremap away");
    return ok();
  }
  Result<> merge_one(std::size_t i) const
  {
    if (by_ == mmap_front)
      return arena_.map(first(i), 1);
    if (by_ == mremap_back)
      return ::mremap(away(i), page_size(), page_size(), MREMAP_MAYMOVE | MREMAP_FIXED, first(i)) ==
                     MAP_FAILED
                 ? Result<>(os_error("mremap home"))
                 : ok();
    if (::mprotect(next(i) - page_size(), page_size(), PROT_READ | PROT_WRITE) < 0)
      return os_error("mprotect to merge");
    return ok();
  }
  Result<> check_one(std::size_t i) const
  {
    const bool written = by_ != mmap_front && by_ != uf;
    for (char* page = first(i); page < next(i); page += page_size())
      if (auto good = written ? check_pages(page, 1) : check_zero_pages(page, 1); !good)
        return good;
    return by_ == fu ? check_zero_pages(next(i), 1) : check_pages(next(i), 1);
  }

  const Arena& arena_;
  std::size_t count_;
  By by_;
};

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  const Pairs pairs(*arena, range_of(state, 0), By{state.range(1)});
  time_steps(state, meter, *arena,
             {.build = [&] { return pairs.build(); },
              .act = [&] { return pairs.act(); },
              .check = [&] { return pairs.check(); }});
}

}  // namespace

const Workload merge_next{
    .name = "merge_next",
    .summary = "a VMA merges with the next one, which grows downwards, K times",
    .kernel_path =
        "vma_merge_new_range, vma_merge_existing_range, vma_merge_copied_range, dup_anon_vma",
    .patches = "series 1: 5, 9",
    .item = "merge",
    .arguments = {{.name = "pairs"},
                  {.name = "by", .labels = {"mmap", "uf", "fu", "ff", "part", "mremap"}}},
    .quick = {{100, mmap_front}, {100, uf}, {100, fu}, {100, ff}, {100, part}, {100, mremap_back}},
    .full = {{10, mmap_front},
             {100, mmap_front},
             {1000, mmap_front},
             {10, uf},
             {100, uf},
             {1000, uf},
             {10, fu},
             {100, fu},
             {1000, fu},
             {10, ff},
             {100, ff},
             {1000, ff},
             {10, part},
             {100, part},
             {1000, part},
             {10, mremap_back},
             {100, mremap_back},
             {1000, mremap_back}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) { return 4 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 8 * v[0]; },
    .run = run,
    .core = true,
    .late = true,
};

}  // namespace rmaplab
