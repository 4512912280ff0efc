// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/answers.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "conformance/calls.h"
#include "conformance/check.h"
#include "conformance/kin.h"
#include "conformance/vma_oracle.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kPages = 32;

// Half-way up the arena; 64 KiB pages make it 1 Mi pages long.
char* scratch(std::size_t page)
{
  return reinterpret_cast<char*>(kArenaBegin + (kArenaEnd - kArenaBegin) / 2) + page * page_size();
}

std::size_t vmas_in(std::size_t begin, std::size_t end)
{
  return must(vmas_of_self({.begin = reinterpret_cast<std::uint64_t>(scratch(begin)),
                            .end = reinterpret_cast<std::uint64_t>(scratch(end))}))
      .size();
}

bool ask_relocate_anon()
{
  map(scratch(0), 1);
  touch(scratch(0), 1);
  const int error = try_move(scratch(0), 1, scratch(2), kRelocateAnon);
  unmap(scratch(0), kPages);
  return error != EINVAL;
}

bool ask_merges_into_unfaulted()
{
  map(scratch(0), 4);
  protect(scratch(0), 2, PROT_READ);
  touch(scratch(2), 2);
  protect(scratch(2), 2, PROT_READ);
  const std::size_t vmas = vmas_in(0, 4);
  unmap(scratch(0), kPages);
  return vmas == 1;
}

// struct pm_scan_arg of linux/fs.h since 6.7; the build's headers may be older.
struct ScanArguments {
  std::uint64_t size;
  std::uint64_t flags;
  std::uint64_t start;
  std::uint64_t end;
  std::uint64_t walk_end;
  std::uint64_t vec;
  std::uint64_t vec_len;
  std::uint64_t max_pages;
  std::uint64_t category_inverted;
  std::uint64_t category_mask;
  std::uint64_t category_anyof_mask;
  std::uint64_t return_mask;
};

// PAGEMAP_SCAN knows guard regions. No where the kernel has no pagemap at all.
bool ask_scans_for_guards()
{
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  ScanArguments scan = {};
  scan.size = sizeof scan;
  scan.start = reinterpret_cast<std::uint64_t>(scratch(0));
  scan.end = reinterpret_cast<std::uint64_t>(scratch(1));
  constexpr std::uint64_t kGuard = 1 << 8;
  scan.category_mask = kGuard;
  scan.return_mask = kGuard;
  std::uint64_t regions[3] = {};
  scan.vec = reinterpret_cast<std::uint64_t>(regions);
  scan.vec_len = 1;
  return ::ioctl(pagemap.get(), _IOWR('f', 16, ScanArguments), &scan) >= 0;
}

}  // namespace

bool has_relocate_anon()
{
  static const bool answer = ask_relocate_anon();
  return answer;
}

bool merges_into_unfaulted()
{
  static const bool answer = ask_scans_for_guards() || ask_merges_into_unfaulted();
  return answer;
}

bool is_since_6_12()
{
  constexpr int kCreatedQuery = 1024 + 4;  // F_LINUX_SPECIFIC_BASE
  const UniqueFd any(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  return ::fcntl(any.get(), kCreatedQuery, 0) >= 0;
}

std::string describe_answers()
{
  std::string text;
  const auto asked = outcome_of([&] {
    const auto yes_no = [](bool yes) { return yes ? "yes" : "no"; };
    text = fmt::format(
        "mremap knows MREMAP_RELOCATE_ANON: {}\n"
        "a faulted VMA merges into an unfaulted one (879bca0a2c4f, v6.16): {}",
        yes_no(has_relocate_anon()), yes_no(merges_into_unfaulted()));
  });
  return asked ? text : to_string(asked.error());
}

}  // namespace rmaplab
