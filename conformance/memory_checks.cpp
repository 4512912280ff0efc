// SPDX-License-Identifier: GPL-2.0-only
// Private memory that is not mapped anonymously at a chosen place: private files, the
// heap, stacks; and shared memory, which has no part in the anonymous rmap.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <optional>

#include "base/unique_fd.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/vma_oracle.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kFilePages = 16;

UniqueFd make_file()
{
  UniqueFd file(::memfd_create("rmaplab", MFD_CLOEXEC));
  if (!file)
    throw Verdict{os_error("memfd_create")};
  if (::ftruncate(file.get(), static_cast<off_t>(kFilePages * page_size())) < 0)
    throw Verdict{os_error("ftruncate")};
  return file;
}

void map_private(const Bench& b, std::size_t begin, std::size_t end, const UniqueFd& file,
                 std::size_t offset)
{
  map_file(b.at(begin), end - begin, file.get(), offset, MAP_PRIVATE);
}

// Scenarios of a private file in the process itself and in a child.
struct FileScenario {
  const char* name;
  const char* summary;
  const char* source;
  void (*before)(const Bench&, const UniqueFd& file);
  void (*act)(const Bench&, const UniqueFd& file, bool is_fork_child);
};

const FileScenario kFileScenarios[] = {
    {"split_remerge", "a COWed private file mapping splits and merges again",
     "is_mergeable_anon_vma(), case 3",
     [](const Bench& b, const UniqueFd& file) {
       map_private(b, 0, 6, file, 0);
       touch(b.at(0), 6);
     },
     [](const Bench& b, const UniqueFd&, bool) {
       protect(b.at(2), 2, PROT_READ);
       expect_layout(b, {{0, 2}, {2, 4}, {4, 6}}, "after the split");
       protect(b.at(2), 2, kReadWrite);
       expect_layout(b, {{0, 6}});
       expect_data(b.at(0), 6);
     }},
    {"contiguous", "mappings of contiguous parts of a file merge", "can_vma_merge_after()",
     [](const Bench& b, const UniqueFd& file) { map_private(b, 0, 2, file, 0); },
     [](const Bench& b, const UniqueFd& file, bool) {
       map_private(b, 2, 4, file, 2);
       expect_layout(b, {{0, 4}});
     }},
    {"not_contiguous", "mappings of other parts of a file do not", "can_vma_merge_after()",
     [](const Bench& b, const UniqueFd& file) { map_private(b, 0, 2, file, 0); },
     [](const Bench& b, const UniqueFd& file, bool) {
       map_private(b, 2, 4, file, 3);
       expect_layout(b, {{0, 2}, {2, 4}});
     }},
    {"append_to_COWed", "the next part of a file mapped after COWed pages",
     "is_mergeable_anon_vma()",
     [](const Bench& b, const UniqueFd& file) {
       map_private(b, 0, 2, file, 0);
       touch(b.at(0), 2);
     },
     [](const Bench& b, const UniqueFd& file, bool is_fork_child) {
       map_private(b, 2, 4, file, 2);
       expect_layout(b, is_fork_child ? Layout{{0, 2}, {2, 4}} : Layout{{0, 4}});
       expect_data(b.at(0), 2);
     }},
    {"anonymous_beside", "anonymous memory beside a private file stays apart", "is_mergeable_vma()",
     [](const Bench& b, const UniqueFd& file) { map_private(b, 0, 2, file, 0); },
     [](const Bench& b, const UniqueFd&, bool) {
       map(b.at(2), 2);
       expect_layout(b, {{0, 2}, {2, 4}});
     }},
    {"move_unCOWed", "a part of a file moved after the part before it merges", "copy_vma()",
     [](const Bench& b, const UniqueFd& file) {
       map_private(b, 0, 2, file, 0);
       map_private(b, 100, 102, file, 2);
     },
     [](const Bench& b, const UniqueFd&, bool) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, {{0, 4}});
       must(check_zero_pages(b.at(2), 2));
     }},
    {"move_COWed_after_COWed", "two COWed parts of a file have two anon_vmas and stay apart",
     "is_mergeable_anon_vma()",
     [](const Bench& b, const UniqueFd& file) {
       map_private(b, 0, 2, file, 0);
       map_private(b, 100, 102, file, 2);
       touch(b.at(0), 2);
       touch(b.at(100), 2);
     },
     [](const Bench& b, const UniqueFd&, bool) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, {{0, 2}, {2, 4}});
       expect_data(b.at(0), 2);
       expect_data(b.at(2), 2, b.at(100));
     }},
};

// A COWed part of a file moved after the part before it: the offsets in the file are
// contiguous, so it merged with the unfaulted VMA once that was possible at all
// (879bca0a2c4f); since Linux 7.3 the offsets of the anonymous pages must be contiguous too
// (needs_adjacent_anon_pgoff()) and they are not. Nothing but this very case tells which
// kernel it is, so both are right; three VMAs or lost data are not.
void move_cowed_after_unfaulted(const Bench& b)
{
  const UniqueFd file = make_file();
  map_private(b, 0, 2, file, 0);
  map_private(b, 100, 102, file, 2);
  touch(b.at(100), 2);
  move(b.at(100), 2, b.at(2));
  const auto vmas = must(vmas_of_self({.begin = kArenaBegin, .end = kArenaEnd}));
  if (vmas.size() != 1 || !merges_into_unfaulted())
    expect_layout(b, {{0, 2}, {2, 4}});
  else
    expect_layout(b, {{0, 4}});
  expect_data(b.at(2), 2, b.at(100));
}

void shared_apart(const Bench& b)
{
  map(b.at(0), 2);
  must(b.arena.map(b.at(2), 2, MAP_SHARED));
  must(b.arena.map(b.at(4), 2, MAP_SHARED));
  expect_layout(b, {{0, 2}, {2, 4}, {4, 6}});
  touch(b.at(0), 6);
  protect(b.at(2), 1, PROT_READ);
  protect(b.at(2), 1, kReadWrite);
  expect_layout(b, {{0, 2}, {2, 4}, {4, 6}}, "split and merged again");
  must(in_child([&] { touch(b.at(2), 2, {.generation = 1}); }));
  must(check_pages(b.at(2), 2, {.generation = 1}));
  expect_data(b.at(4), 2);
}

char* heap_end(char* wanted = nullptr)
{
  return reinterpret_cast<char*>(::syscall(SYS_brk, wanted));
}

std::optional<AddressRange> vma_of(const char* address)
{
  const auto wanted = reinterpret_cast<std::uint64_t>(address);
  for (const AddressRange& vma : must(vmas_of_self({.begin = 0, .end = ~std::uint64_t{0}})))
    if (vma.begin <= wanted && wanted < vma.end)
      return vma;
  return std::nullopt;
}

// The heap grows as one VMA; a fork child's new part is a VMA of its own.
void heap(const Bench&, Kin kin)
{
  char* end = nullptr;
  in_kin(
      kin,
      [&] {
        const std::size_t mask = page_size() - 1;
        end = heap_end() + 2 * page_size();
        end += (page_size() - (reinterpret_cast<std::uint64_t>(end) & mask)) & mask;
        expect_equal("brk", fmt::ptr(end), fmt::ptr(heap_end(end)));
        touch(end - page_size(), 1);
      },
      [&] {
        char* const grown = end + 2 * page_size();
        expect_equal("brk", fmt::ptr(grown), fmt::ptr(heap_end(grown)));
        const auto old_part = vma_of(end - 1);
        const auto new_part = vma_of(end);
        if (!old_part || !new_part)
          not_ok("the heap has no VMA");
        expect_equal("old and new part are one VMA", !is_fork_child(kin), *old_part == *new_part);
        touch(end, 2);
        expect_data(end - page_size(), 3);
        expect_equal("brk back", fmt::ptr(end), fmt::ptr(heap_end(end)));
        expect_equal("memory beyond the heap", false, vma_of(end).has_value());
        expect_data(end - page_size(), 1);
      });
}

void stack_grows(const Bench& b, Kin kin)
{
  constexpr std::size_t kTop = 1000;
  constexpr std::size_t kDeep = 20;
  in_kin(
      kin,
      [&] {
        map(b.at(kTop), 2, kReadWrite, MAP_GROWSDOWN);
        touch(b.at(kTop), 2);
      },
      [&] {
        for (std::size_t depth = 1; depth <= kDeep; ++depth)
          touch(b.at(kTop - depth), 1);
        expect_layout(b, {{kTop - kDeep, kTop + 2}});
        expect_data(b.at(kTop - kDeep), kDeep + 2);
      });
}

// Nothing may come nearer to a stack than stack_guard_gap (256 pages by default).
void stack_gap(const Bench& b)
{
  map(b.at(900), 1);
  map(b.at(1000), 1, kReadWrite, MAP_GROWSDOWN);
  touch(b.at(1000), 1);
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::signal(SIGSEGV, SIG_DFL);
    touch(b.at(999), 1);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  expect_equal("signal of a touch within the gap", SIGSEGV,
               WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  expect_layout(b, {{900, 901}, {1000, 1001}});
}

}  // namespace

void add_memory_checks(std::vector<Check>& checks)
{
  for (const FileScenario& scenario : kFileScenarios)
    for (const Kin kin : kAllKin)
      checks.push_back({.name = fmt::format("file/{}/{}", scenario.name, to_string(kin)),
                        .summary = scenario.summary,
                        .source = scenario.source,
                        .run = [&scenario, kin](const Bench& b) {
                          const UniqueFd file = make_file();
                          in_kin(
                              kin, [&] { scenario.before(b, file); },
                              [&] { scenario.act(b, file, is_fork_child(kin)); });
                        }});
  checks.push_back({.name = "file/move_COWed_after_unCOWed",
                    .summary = "a COWed part of a file moved after the part before it",
                    .source = "commit 879bca0a2c4f; needs_adjacent_anon_pgoff(), Linux 7.3",
                    .run = move_cowed_after_unfaulted});
  checks.push_back(
      {.name = "shared/apart",
       .summary = "shared memory merges with its own pieces only; a child writes to it",
       .source = "is_mergeable_vma(): vm_file",
       .run = shared_apart});
  for (const Kin kin : kAllKin) {
    checks.push_back({.name = fmt::format("heap/{}", to_string(kin)),
                      .summary = "brk() extends the heap's VMA, in a fork child it begins another",
                      .source = "do_brk_flags(), is_mergeable_anon_vma()",
                      .run = [kin](const Bench& b) { heap(b, kin); }});
    checks.push_back({.name = fmt::format("stack/grows/{}", to_string(kin)),
                      .summary = "touching below a stack extends its VMA",
                      .source = "expand_downwards()",
                      .run = [kin](const Bench& b) { stack_grows(b, kin); }});
  }
  checks.push_back({.name = "stack/gap",
                    .summary = "a stack that comes near other memory gets SIGSEGV",
                    .source = "expand_downwards(): stack_guard_gap",
                    .run = stack_gap});
}

}  // namespace rmaplab
