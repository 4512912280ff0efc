// SPDX-License-Identifier: GPL-2.0-only
// At vm.max_map_count: which call still works with how many VMAs left, and that a refused
// one changes nothing. What probes/vma_count.h says of it, each sentence a check. In a guest of
// the lab the limit is lowered: CONFIG_DEBUG_VM_MAPLE_TREE walks all VMAs with each one made.
#include <unistd.h>

#include <cerrno>
#include <optional>

#include "base/files.h"
#include "base/lab_guest.h"
#include "base/text.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/looks.h"
#include "probes/vma_count.h"
#include "workloads/pattern.h"
#include "workloads/system_setting.h"

namespace rmaplab
{

namespace
{

// Pages 0 to 9 are the check's; the VMAs that fill the process begin at kFill.
constexpr std::size_t kFill = 1000;
constexpr std::uint64_t kMostVmas = 200'000;
constexpr const char* kLimit = "/proc/sys/vm/max_map_count";
constexpr const char* kGuestVmas = "3000";

std::uint64_t headroom()
{
  return must(read_map_count_headroom("/proc", ::getpid()));
}

// Until `left` splits are left. Each page of another protection in one unfaulted area is
// two VMAs more, but for the last, which may be one.
void fill(const Bench& b, std::uint64_t left)
{
  const auto limit = parse_u64(trim(must(read_file(kLimit))));
  if (!limit || *limit > kMostVmas)
    skip("vm.max_map_count is too high to reach in seconds");
  const NoLooks filling;  // tens of thousands of calls, with ever more VMAs to look at
  map(b.at(kFill), *limit + 10);
  std::size_t page = kFill + 1;
  for (; headroom() > left + 2; page += 2)
    for (std::uint64_t left_now = headroom() - left; left_now > 2; left_now -= 2, page += 2)
      protect(b.at(page), 1, PROT_READ);
  // The border of the last pair moves with a split of one VMA at a time.
  for (; headroom() > left; page += 1)
    protect(b.at(page), *limit + 10 - (page - kFill), page % 2 ? PROT_READ : kReadWrite);
  expect_equal("VMAs left", left, headroom());
}

void own_memory(const Bench& b)
{
  map(b.at(0), 6);
  touch(b.at(0), 6);
}

void mprotect_splits(const Bench& b)
{
  own_memory(b);
  fill(b, 0);
  expect_errno("mprotect() that splits", ENOMEM, try_protect(b.at(0), 2, PROT_READ));
  expect_equal("VMAs left", std::uint64_t{0}, headroom());
  expect_data(b.at(0), 6);
  expect_errno("mprotect() that does not", 0, try_protect(b.at(0), 6, PROT_READ));
  unmap(b.at(kFill), 1);
  expect_errno("madvise() that splits, one VMA left", 0, try_advise(b.at(0), 2, MADV_DONTFORK));
  // madvise() says EAGAIN for want of memory.
  expect_errno("madvise() that splits", EAGAIN, try_advise(b.at(4), 2, MADV_RANDOM));
  expect_data(b.at(0), 6);
}

// Of the two splits that a middle piece takes one fits: the call fails, and what it did by
// then stays, without harm.
void mprotect_two_splits(const Bench& b)
{
  own_memory(b);
  fill(b, 1);
  expect_errno("mprotect() of the middle", ENOMEM, try_protect(b.at(2), 2, PROT_READ));
  expect_data(b.at(0), 6);
  touch(b.at(0), 6, {.generation = 1});
  must(check_pages(b.at(0), 6, {.generation = 1}));
}

void munmap_splits(const Bench& b)
{
  own_memory(b);
  fill(b, 0);
  expect_errno("munmap() that splits", ENOMEM, try_unmap(b.at(2), 2));
  expect_data(b.at(0), 6);
  expect_errno("munmap() of an end", 0, try_unmap(b.at(4), 2));
  expect_data(b.at(0), 4);
  expect_errno("munmap() of the rest", 0, try_unmap(b.at(0), 4));
  expect_equal("VMAs left", std::uint64_t{1}, headroom());
}

int try_map(char* at)
{
  return ::mmap(at, page_size(), kReadWrite,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED
             ? errno
             : 0;
}

void mmap_one_more(const Bench& b)
{
  own_memory(b);
  fill(b, 0);
  expect_errno("mmap() that merges", 0, try_map(b.at(6)));
  expect_errno("mmap() of a VMA at the limit", 0, try_map(b.at(20)));
  expect_errno("mmap() of another", ENOMEM, try_map(b.at(30)));
  expect_data(b.at(0), 6);
}

// A move wants room for the splits of both ends before it begins: refused with fewer left
// than some, at the latest with four it works. How many it wants is not laid down (the
// check moved into each VMA's turn when several may move); that it never dies half-way is.
void mremap_reserve(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  own_memory(b);
  fill(b, 0);
  expect_errno("mremap() at the limit", ENOMEM, try_move(b.at(2), 2, b.at(100), relocate));
  expect_data(b.at(0), 6);
  bool works = false;
  std::uint64_t wanted = 0;
  for (std::uint64_t freed = 0; freed < 8 && !works; ++freed) {
    unmap(b.at(kFill + freed), 1);
    wanted = headroom();
    const int error = try_move(b.at(2), 2, b.at(100), relocate);
    works = error == 0;
    if (!works)
      expect_errno("mremap() near the limit", ENOMEM, error);
    expect_data(b.at(0), 2);
    expect_data(b.at(works ? 100 : 2), 2, b.at(2));
    expect_data(b.at(4), 2);
  }
  expect_equal("mremap() works with some VMAs left", true, works);
  expect_equal(fmt::format("VMAs that a mremap() wants ({}) are few", wanted), true, wanted <= 6);
}

void fork_at_limit(const Bench& b)
{
  own_memory(b);
  fill(b, 0);
  must(in_child([&] {
    expect_equal("VMAs left in a child", std::uint64_t{0}, headroom());
    expect_errno("mprotect() in a child", ENOMEM, try_protect(b.at(0), 2, PROT_READ));
    expect_data(b.at(0), 6);
  }));
}

void merge_at_limit(const Bench& b)
{
  own_memory(b);
  protect(b.at(2), 2, PROT_READ);
  fill(b, 0);
  protect(b.at(2), 2, kReadWrite);
  expect_equal("VMAs left", std::uint64_t{2}, headroom());
  expect_data(b.at(0), 6);
}

}  // namespace

void add_limit_checks(std::vector<Check>& checks)
{
  const struct {
    const char* name;
    const char* summary;
    const char* source;
    void (*run)(const Bench&);
  } rows[] = {
      {"mprotect", "at vm.max_map_count a split is ENOMEM, a merge and a whole VMA are not",
       "split_vma()", mprotect_splits},
      {"mprotect_two_splits", "one split of two fits: ENOMEM, and the memory is as before",
       "vma_modify()", mprotect_two_splits},
      {"munmap", "an munmap() that splits is ENOMEM, any other works", "vms_gather_munmap_vmas()",
       munmap_splits},
      {"mmap", "mmap() gives one VMA more than splits do", "do_mmap()", mmap_one_more},
      {"mremap", "a move is refused in time, and works with a few VMAs left", "prep_move_vma()",
       mremap_reserve},
      {"fork", "a child has as many VMAs left", "dup_mmap()", fork_at_limit},
      {"merge", "a merge at the limit gives VMAs back", "vma_complete()", merge_at_limit},
  };
  for (const auto& row : rows)
    checks.push_back({.name = std::string("limit/") + row.name,
                      .summary = row.summary,
                      .source = row.source,
                      .run = [run = row.run](const Bench& b) {
                        std::optional<SystemSetting> lower;
                        if (in_lab_guest())
                          lower.emplace(must(SystemSetting::set(kLimit, kGuestVmas)));
                        run(b);
                      }});
}

}  // namespace rmaplab
