// SPDX-License-Identifier: GPL-2.0-only
// mremap(MREMAP_RELOCATE_ANON), and the same moves without it: what is returned, which VMAs
// there are, whether the data is intact and whether the reverse mapping still finds it.
//
// Each case is a move with two columns. Without the flag in the kernel, asking for it is
// EINVAL and changes nothing, and the plain move does what the column `absent` says. With
// it, the move that asks for it does what `present` says; that column is from the posted
// design (Linux patch series "mm/mremap: introduce more mergeable mremap via
// MREMAP_RELOCATE_ANON", 2025), which no released kernel has.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/text.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/reach.h"
#include "conformance/uffd.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

// Sources begin at kFrom and go to kTo, beside neighbours of two pages.
constexpr std::size_t kFrom = 100;
constexpr std::size_t kTo = 2;
constexpr int kFlags = MREMAP_MAYMOVE | MREMAP_FIXED;

enum class Must {
  works,   // MREMAP_MUST_RELOCATE_ANON succeeds
  EFAULTs  // it cannot be done
};

struct Case {
  const char* name;
  const char* summary;
  void (*before)(const Bench&);
  Expect<Layout> layout;
  Must must = Must::works;
  std::size_t pages = 2;
  // Data at its new place; by default what touch() wrote at the old one.
  void (*data)(const Bench&) = [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); };
  Expect<int> error = {0, 0};
  bool reach = true;  // the pages are present, anonymous and ours alone
  Kin kin = Kin::alone;
  Layout or_present = {};  // right too, where the interface leaves a choice
};

void source(const Bench& b, std::size_t pages = 2)
{
  map(b.at(kFrom), pages);
  advise(b.at(kFrom), pages, MADV_NOHUGEPAGE);
  touch(b.at(kFrom), pages);
}

// Neighbours have the source's flags, but for what the case is about.
void neighbour_U(const Bench& b, std::size_t begin)
{
  map(b.at(begin), 2);
  advise(b.at(begin), 2, MADV_NOHUGEPAGE);
}

void neighbour_F(const Bench& b, std::size_t begin)
{
  neighbour_U(b, begin);
  touch(b.at(begin), 2);
}

void after_U(const Bench& b)
{
  neighbour_U(b, 0);
  source(b);
}

void no_data(const Bench&) {}

void zeros(const Bench& b)
{
  must(check_zero_pages(b.at(kTo), 2));
}

const Layout kOne = {{0, 4}};
const Layout kTwo = {{0, 2}, {2, 4}};
const Layout kThree = {{0, 2}, {2, 4}, {4, 6}};

const Case kCases[] = {
    {"alone", "F to where nothing is", [](const Bench& b) { source(b); }, {{{2, 4}}, {{2, 4}}}},
    {"after_U", "F after U", after_U, {kTwo, kOne}},
    {"before_U",
     "F before U",
     [](const Bench& b) {
       neighbour_U(b, 4);
       source(b);
     },
     {{{2, 4}, {4, 6}}, {{2, 6}}}},
    {"between_U",
     "F between two U",
     [](const Bench& b) {
       neighbour_U(b, 0);
       neighbour_U(b, 4);
       source(b);
     },
     {kThree, {{0, 6}}}},
    {"after_F",
     "F after another F",
     [](const Bench& b) {
       neighbour_F(b, 0);
       source(b);
     },
     {kTwo, kOne}},
    {"before_F",
     "F before another F",
     [](const Bench& b) {
       neighbour_F(b, 4);
       source(b);
     },
     {{{2, 4}, {4, 6}}, {{2, 6}}}},
    {"between_F_same",
     "F into the hole of another F",
     [](const Bench& b) {
       map(b.at(0), 6);
       advise(b.at(0), 6, MADV_NOHUGEPAGE);
       touch(b.at(0), 6);
       unmap(b.at(2), 2);
       source(b);
     },
     {kThree, {{0, 6}}}},
    {"between_F_different",
     "F between two F of different anon_vmas: one with the lower or with the upper",
     [](const Bench& b) {
       neighbour_F(b, 0);
       neighbour_F(b, 4);
       source(b);
     },
     {kThree, {{0, 4}, {4, 6}}},
     Must::works,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     true,
     Kin::alone,
     {{0, 2}, {2, 6}}},
    {"after_readonly",
     "F after memory of another protection",
     [](const Bench& b) {
       neighbour_F(b, 0);
       protect(b.at(0), 2, PROT_READ);
       source(b);
     },
     {kTwo, kTwo}},
    {"after_sequential",
     "F after memory of other flags",
     [](const Bench& b) {
       neighbour_F(b, 0);
       advise(b.at(0), 2, MADV_SEQUENTIAL);
       source(b);
     },
     {kTwo, kTwo}},
    {"after_named",
     "F after memory with a name",
     [](const Bench& b) {
       neighbour_F(b, 0);
       if (::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, b.at(0), 2 * page_size(), "rmaplab") < 0)
         skip("PR_SET_VMA_ANON_NAME: " + errno_text(errno));
       source(b);
     },
     {kTwo, kTwo}},
    {"named_after_U",
     "F with a name after memory without",
     [](const Bench& b) {
       after_U(b);
       if (::prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, b.at(kFrom), 2 * page_size(), "rmaplab") < 0)
         skip("PR_SET_VMA_ANON_NAME: " + errno_text(errno));
     },
     {kTwo, kTwo}},
    {"after_userfaultfd",
     "F after memory that is registered with userfaultfd",
     [](const Bench& b) {
       static const UniqueFd uffd = open_uffd();
       neighbour_F(b, 0);
       register_missing(uffd, b.at(0), 2);
       source(b);
     },
     {kTwo, kTwo}},
    {"unfaulted",
     "U after F",
     [](const Bench& b) {
       neighbour_F(b, 0);
       neighbour_U(b, kFrom);
     },
     {kOne, kOne},
     Must::works,
     2,
     zeros,
     {0, 0},
     false},
    {"zero_page",
     "memory that was only read, after F: it has no anon_vma",
     [](const Bench& b) {
       neighbour_F(b, 0);
       neighbour_U(b, kFrom);
       must(check_zero_pages(b.at(kFrom), 2));
     },
     {kOne, kOne},
     Must::works,
     2,
     zeros,
     {0, 0},
     false},
    {"read_then_written",
     "memory that was read first, after U",
     [](const Bench& b) {
       neighbour_U(b, 0);
       neighbour_U(b, kFrom);
       must(check_zero_pages(b.at(kFrom), 2));
       touch(b.at(kFrom), 2);
     },
     {kTwo, kOne}},
    {"partly_faulted",
     "F with holes in it, after U",
     [](const Bench& b) {
       neighbour_U(b, 0);
       neighbour_U(b, kFrom);
       touch(b.at(kFrom + 1), 1);
     },
     {kTwo, kOne},
     Must::works,
     2,
     [](const Bench& b) {
       must(check_zero_pages(b.at(kTo), 1));
       expect_data(b.at(kTo + 1), 1, b.at(kFrom + 1));
     },
     {0, 0},
     false},
    {"dropped",
     "F whose pages were all dropped, after U",
     [](const Bench& b) {
       after_U(b);
       advise(b.at(kFrom), 2, MADV_DONTNEED);
     },
     {kTwo, kOne},
     Must::works,
     2,
     zeros,
     {0, 0},
     false},
    {"part",
     "the middle of F after U: split first",
     [](const Bench& b) {
       neighbour_U(b, 0);
       map(b.at(kFrom - 2), 6);
       advise(b.at(kFrom - 2), 6, MADV_NOHUGEPAGE);
       touch(b.at(kFrom - 2), 6);
     },
     {{{0, 2}, {2, 4}, {98, 100}, {102, 104}}, {{0, 4}, {98, 100}, {102, 104}}}},
    {"over",
     "F over the middle of another F",
     [](const Bench& b) {
       map(b.at(0), 6);
       advise(b.at(0), 6, MADV_NOHUGEPAGE);
       touch(b.at(0), 6);
       source(b);
     },
     {kThree, {{0, 6}}}},
    {"accounted",
     "F that counts as committed, after U that does too",
     [](const Bench& b) {
       for (const std::size_t page : {std::size_t{0}, kFrom})
         if (::mmap(b.at(page), 2 * page_size(), kReadWrite,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
           throw Verdict{os_error("mmap")};
       touch(b.at(kFrom), 2);
     },
     {kTwo, kOne}},
    {"locked_after_U",
     "locked F after unlocked memory",
     [](const Bench& b) {
       after_U(b);
       expect_errno("mlock", 0, ::mlock(b.at(kFrom), 2 * page_size()) < 0 ? errno : 0);
     },
     {kTwo, kTwo},
     Must::works,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     false},
    {"mergeable",
     "F that KSM may merge, after U",
     [](const Bench& b) {
       after_U(b);
       if (try_advise(b.at(kFrom), 2, MADV_MERGEABLE) != 0)
         skip("MADV_MERGEABLE: no KSM in this kernel");
     },
     {kTwo, kTwo}},
    {"sealed",
     "sealed memory is not moved",
     [](const Bench& b) {
       after_U(b);
       if (::syscall(462, b.at(kFrom), 2 * page_size(), 0) < 0)
         skip("mseal: " + errno_text(errno) + ", needs Linux 6.10");
     },
     {{{0, 2}, {kFrom, kFrom + 2}}, {{0, 2}, {kFrom, kFrom + 2}}},
     Must::EFAULTs,
     2,
     no_data,
     {EPERM, EPERM},
     false},
    {"shared",
     "shared memory",
     [](const Bench& b) {
       must(b.arena.map(b.at(0), 2, MAP_SHARED));
       must(b.arena.map(b.at(kFrom), 2, MAP_SHARED));
       touch(b.at(kFrom), 2);
     },
     {kTwo, kTwo},
     Must::EFAULTs,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     false},
    {"private_file",
     "COWed pages of a private file, after anonymous memory",
     [](const Bench& b) {
       const UniqueFd file(::memfd_create("rmaplab", MFD_CLOEXEC));
       if (::ftruncate(file.get(), static_cast<off_t>(2 * page_size())) < 0)
         throw Verdict{os_error("ftruncate")};
       neighbour_U(b, 0);
       map_file(b.at(kFrom), 2, file.get(), 0, MAP_PRIVATE);
       touch(b.at(kFrom), 2);
     },
     {kTwo, kTwo},
     Must::EFAULTs},
    {"private_file_unCOWed",
     "a private file that nobody wrote to",
     [](const Bench& b) {
       const UniqueFd file(::memfd_create("rmaplab", MFD_CLOEXEC));
       if (::ftruncate(file.get(), static_cast<off_t>(2 * page_size())) < 0)
         throw Verdict{os_error("ftruncate")};
       neighbour_U(b, 0);
       map_file(b.at(kFrom), 2, file.get(), 0, MAP_PRIVATE);
     },
     {kTwo, kTwo},
     Must::works,
     2,
     zeros,
     {0, 0},
     false},
    {"dev_zero",
     "a private mapping of /dev/zero: it looks anonymous and has an offset of its own",
     [](const Bench& b) {
       const UniqueFd zero(::open("/dev/zero", O_RDWR | O_CLOEXEC));
       if (!zero)
         skip("open /dev/zero: " + errno_text(errno));
       neighbour_U(b, 0);
       map_file(b.at(kFrom), 2, zero.get(), 0, MAP_PRIVATE);
       touch(b.at(kFrom), 2);
     },
     {kTwo, kTwo},
     Must::EFAULTs},
    {"parent",
     "a parent's F while a child lives",
     after_U,
     {kTwo, kTwo},
     Must::EFAULTs,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     false,
     Kin::parent},
    {"after_exit",
     "a parent's F after its child exited",
     after_U,
     {kTwo, kOne},
     Must::works,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     true,
     Kin::after_exit},
    {"after_exec",
     "a parent's F after its child called execve()",
     after_U,
     {kTwo, kOne},
     Must::works,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     true,
     Kin::after_exec},
    {"child",
     "a fork child's F",
     after_U,
     {kTwo, kTwo},
     Must::EFAULTs,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     false,
     Kin::child},
    {"grandchild",
     "a grandchild's F",
     after_U,
     {kTwo, kTwo},
     Must::EFAULTs,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     false,
     Kin::grandchild},
    {"orphan",
     "a grandchild's F after its parent died",
     after_U,
     {kTwo, kTwo},
     Must::EFAULTs,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     false,
     Kin::orphan},
    {"reuse",
     "F with the anon_vma of a dead ancestor",
     after_U,
     {kTwo, kTwo},
     Must::EFAULTs,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     false,
     Kin::reuse},
    {"dontfork",
     "a parent's F that no child has",
     [](const Bench& b) {
       after_U(b);
       advise(b.at(0), 2, MADV_DONTFORK);
       advise(b.at(kFrom), 2, MADV_DONTFORK);
     },
     {kTwo, kOne},
     Must::works,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     true,
     Kin::parent},
    {"wipeonfork",
     "a parent's F of which children have zeros: they have no part in its anon_vma",
     [](const Bench& b) {
       after_U(b);
       advise(b.at(0), 2, MADV_WIPEONFORK);
       advise(b.at(kFrom), 2, MADV_WIPEONFORK);
     },
     {kTwo, kOne},
     Must::works,
     2,
     [](const Bench& b) { expect_data(b.at(kTo), 2, b.at(kFrom)); },
     {0, 0},
     true,
     Kin::parent},
};

void expect_relocated(const Bench& b, const Case& c)
{
  if (c.or_present.empty())
    return expect_layout(b, c.layout.present);
  expect_either(b, {"one with the lower", c.layout.present}, {"one with the upper", c.or_present});
}

// Before a move without the flag in the kernel: asking for it is refused and harmless.
void expect_refused(const Bench& b, std::size_t pages)
{
  for (const int flags : {kRelocateAnon, kMustRelocateAnon, kRelocateAnon | kMustRelocateAnon})
    expect_errno(fmt::format("mremap with flags {:#x}", kFlags | flags), EINVAL,
                 try_move(b.at(kFrom), pages, b.at(kTo), flags));
}

void need_relocate_anon()
{
  if (!has_relocate_anon())
    skip("this kernel has no MREMAP_RELOCATE_ANON");
}

void run_case(const Bench& b, const Case& c)
{
  in_kin(
      c.kin, [&] { c.before(b); },
      [&] {
        const bool present = has_relocate_anon();
        if (!present)
          expect_refused(b, c.pages);
        expect_errno("mremap", present ? c.error.present : c.error.absent,
                     try_move(b.at(kFrom), c.pages, b.at(kTo), present ? kRelocateAnon : 0));
        if (present)
          expect_relocated(b, c);
        else
          expect_layout(b, c.layout.absent);
        c.data(b);
      });
}

// The pages are where the reverse mapping looks for them, after a plain move too.
void run_reach(const Bench& b, const Case& c)
{
  in_kin(
      c.kin, [&] { c.before(b); },
      [&] {
        move(b.at(kFrom), c.pages, b.at(kTo), has_relocate_anon() ? kRelocateAnon : 0);
        c.data(b);
        expect_reachable(b.at(kTo), c.pages);
        c.data(b);
      });
}

// A kernel may have the first flag and not the second.
bool has_must_relocate_anon(const Bench& b)
{
  map(b.at(5000), 1);
  const int error = try_move(b.at(5000), 1, b.at(5002), kMustRelocateAnon);
  unmap(b.at(5000), 3);
  return error != EINVAL;
}

void run_must(const Bench& b, const Case& c)
{
  need_relocate_anon();
  if (!has_must_relocate_anon(b))
    skip("this kernel has no MREMAP_MUST_RELOCATE_ANON");
  in_kin(
      c.kin, [&] { c.before(b); },
      [&] {
        const int expected = c.error.present != 0      ? c.error.present
                             : c.must == Must::EFAULTs ? EFAULT
                                                       : 0;
        expect_errno("mremap", expected,
                     try_move(b.at(kFrom), c.pages, b.at(kTo), kMustRelocateAnon));
        if (expected == 0) {
          expect_relocated(b, c);
          c.data(b);
        }
      });
}

void flags(const Bench& b)
{
  source(b, 4);
  const std::size_t bytes = 4 * page_size();
  const int known = kRelocateAnon | kMustRelocateAnon;
  for (const int more : {kRelocateAnon, kMustRelocateAnon, known})
    expect_errno(fmt::format("mremap with flags {:#x}, without MAYMOVE", more), EINVAL,
                 try_remap(b.at(kFrom), bytes, bytes, more, nullptr));
  for (int bit = 5; bit < 31; ++bit)
    expect_errno(fmt::format("mremap with bit {}", bit), EINVAL,
                 try_move(b.at(kFrom), 4, b.at(kTo), 1 << bit));
  expect_errno("FIXED without MAYMOVE", EINVAL,
               try_remap(b.at(kFrom), bytes, bytes, MREMAP_FIXED, b.at(kTo)));
  expect_errno("DONTUNMAP without MAYMOVE", EINVAL,
               try_remap(b.at(kFrom), bytes, bytes, MREMAP_DONTUNMAP, b.at(kTo)));
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  expect_errno("a move onto itself", EINVAL, try_move(b.at(kFrom), 4, b.at(kFrom + 2), relocate));
  expect_errno("a move to no page's begin", EINVAL,
               try_move(b.at(kFrom), 4, b.at(kTo) + 8, relocate));
  expect_errno("a move of what is not mapped", EFAULT,
               try_move(b.at(kFrom + 50), 1, b.at(kTo), relocate));
  expect_errno("a move to no page", EINVAL,
               try_remap(b.at(kFrom), bytes, 0, kFlags | relocate, b.at(kTo)));
  expect_layout(b, {{kFrom, kFrom + 4}});
  expect_data(b.at(kFrom), 4);
}

// In place nothing is relocated; with another size and place everything is.
void sizes(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  source(b, 4);
  const auto bytes = [](std::size_t pages) { return pages * page_size(); };
  expect_errno("grow in place", 0,
               try_remap(b.at(kFrom), bytes(4), bytes(6), MREMAP_MAYMOVE | relocate, nullptr));
  expect_layout(b, {{kFrom, kFrom + 6}}, "grown");
  expect_errno("shrink", 0,
               try_remap(b.at(kFrom), bytes(6), bytes(2), MREMAP_MAYMOVE | relocate, nullptr));
  expect_layout(b, {{kFrom, kFrom + 2}}, "shrunk");
  expect_errno("grow and move", 0,
               try_remap(b.at(kFrom), bytes(2), bytes(4), kFlags | relocate, b.at(kTo)));
  expect_layout(b, {{kTo, kTo + 4}}, "grown and moved");
  expect_data(b.at(kTo), 2, b.at(kFrom));
  must(check_zero_pages(b.at(kTo + 2), 2));
  expect_errno("shrink and move", 0,
               try_remap(b.at(kTo), bytes(4), bytes(1), kFlags | relocate, b.at(50)));
  expect_layout(b, {{50, 51}}, "shrunk and moved");
  expect_data(b.at(50), 1, b.at(kFrom));
}

// Several VMAs at once move since Linux 6.17 ("mm/mremap: permit mremap() move of multiple
// VMAs"); before that it is EFAULT. A kernel does one or the other.
void several_vmas(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  source(b, 4);
  protect(b.at(kFrom + 2), 2, PROT_READ);
  const int error = try_move(b.at(kFrom), 4, b.at(kTo), relocate);
  if (error == EFAULT) {
    expect_layout(b, {{kFrom, kFrom + 2}, {kFrom + 2, kFrom + 4}});
    expect_data(b.at(kFrom), 4);
    return;
  }
  expect_errno("mremap of two VMAs", 0, error);
  expect_layout(b, {{kTo, kTo + 2}, {kTo + 2, kTo + 4}});
  expect_data(b.at(kTo), 4, b.at(kFrom));
}

// With the flag a kernel may refuse DONTUNMAP or do both; it may not lose data.
void dontunmap(const Bench& b)
{
  after_U(b);
  const bool present = has_relocate_anon();
  if (!present)
    expect_errno("mremap with both", EINVAL,
                 try_move(b.at(kFrom), 2, b.at(kTo), MREMAP_DONTUNMAP | kRelocateAnon));
  const int error =
      try_move(b.at(kFrom), 2, b.at(kTo), MREMAP_DONTUNMAP | (present ? kRelocateAnon : 0));
  if (present && error == EINVAL) {
    expect_layout(b, {{0, 2}, {kFrom, kFrom + 2}});
    return expect_data(b.at(kFrom), 2);
  }
  expect_errno("mremap", 0, error);
  if (!present)
    expect_layout(b, {{0, 2}, {2, 4}, {kFrom, kFrom + 2}});
  expect_data(b.at(kTo), 2, b.at(kFrom));
  must(check_zero_pages(b.at(kFrom), 2));
}

// A child that has written every page of its own is still its parent's child: the chain of
// its VMA is not one long.
void child_that_cowed(const Bench& b)
{
  in_kin(
      Kin::child, [&] { after_U(b); },
      [&] {
        touch(b.at(kFrom), 2);
        move(b.at(kFrom), 2, b.at(kTo), has_relocate_anon() ? kRelocateAnon : 0);
        expect_layout(b, kTwo);
        expect_data(b.at(kTo), 2, b.at(kFrom));
      });
}

std::uint64_t locked_kib()
{
  const auto status = must(read_file("/proc/self/status"));
  for (const auto line : lines_of(status))
    if (const auto words = split_blanks(line); words.size() > 1 && words[0] == "VmLck:")
      return parse_u64(words[1]).value_or(0);
  not_ok("/proc/self/status has no VmLck");
}

void locked_accounting(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  source(b, 4);
  expect_errno("mlock", 0, ::mlock(b.at(kFrom), 4 * page_size()) < 0 ? errno : 0);
  const auto before = locked_kib();
  move(b.at(kFrom), 4, b.at(kTo), relocate);
  expect_equal("VmLck after a move", before, locked_kib());
  expect_data(b.at(kTo), 4, b.at(kFrom));
  unmap(b.at(kTo), 4);
  expect_equal("VmLck after munmap", before - 4 * page_size() / 1024, locked_kib());
}

void address_limit(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  source(b, 4);
  const struct rlimit one_page_more = {.rlim_cur = page_size(), .rlim_max = page_size()};
  if (::setrlimit(RLIMIT_AS, &one_page_more) < 0)
    throw Verdict{os_error("setrlimit")};
  // More address space than there may be is refused before anything is changed.
  const int error =
      try_remap(b.at(kFrom), 4 * page_size(), 8 * page_size(), kFlags | relocate, b.at(kTo));
  const struct rlimit open = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
  ::setrlimit(RLIMIT_AS, &open);
  expect_errno("mremap beyond RLIMIT_AS", ENOMEM, error);
  expect_layout(b, {{kFrom, kFrom + 4}});
  expect_data(b.at(kFrom), 4);
}

constexpr int kCollapse = 25;  // MADV_COLLAPSE, Linux 6.1

// `huge` pages of the page table's size at block 8, `pages` of it written.
std::size_t huge_source(const Bench& b)
{
  if (pmd_size() > (std::size_t{32} << 20))
    skip(fmt::format("huge pages of {} MiB", pmd_size() >> 20));
  const std::size_t pages = pmd_size() / page_size();
  char* const from = b.arena.block(8);
  map(from, pages);
  touch(from, pages);
  if (const int error = try_advise(from, pages, kCollapse); error != 0)
    skip("MADV_COLLAPSE: " + errno_text(error));
  return pages;
}

enum class Target { aligned, misaligned };

void move_huge(const Bench& b, Target target)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  const std::size_t pages = huge_source(b);
  char* const from = b.arena.block(8);
  char* const to = b.arena.block(16) + (target == Target::aligned ? 0 : 3 * page_size());
  move(from, pages, to, relocate);
  expect_data(to, pages, from);
  const auto first = static_cast<std::size_t>(to - b.at(0)) / page_size();
  expect_layout(b, {{first, first + pages}});
}

void move_half_huge(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  const std::size_t pages = huge_source(b);
  char* const from = b.arena.block(8);
  char* const middle = from + pages / 2 * page_size();
  move(middle, pages / 2, b.arena.block(16), relocate);
  expect_data(from, pages / 2);
  expect_data(b.arena.block(16), pages / 2, middle);
}

// Guard markers and pages without anything go with the rest.
void guarded(const Bench& b)
{
  const int relocate = has_relocate_anon() ? kRelocateAnon : 0;
  source(b, 4);
  if (const int error = try_advise(b.at(kFrom + 1), 1, 102); error != 0)
    skip("MADV_GUARD_INSTALL: " + errno_text(error) + ", needs Linux 6.13");
  move(b.at(kFrom), 4, b.at(kTo), relocate);
  expect_data(b.at(kTo), 1, b.at(kFrom));
  expect_data(b.at(kTo + 2), 2, b.at(kFrom + 2));
  const auto touched = in_child([&] { touch(b.at(kTo + 1), 1); });
  expect_equal("a guard page still kills who touches it", false, static_cast<bool>(touched));
}

void add_one(std::vector<Check>& checks, const char* name, const char* summary, const char* source_,
             std::function<void(const Bench&)> run)
{
  checks.push_back({.name = std::string("relocate/") + name,
                    .summary = summary,
                    .source = source_,
                    .run = std::move(run)});
}

}  // namespace

void add_relocate_checks(std::vector<Check>& checks)
{
  constexpr const char* kDesign = "copy_vma(); MREMAP_RELOCATE_ANON as posted in 2025";
  for (const Case& c : kCases) {
    add_one(checks, c.name, c.summary, kDesign, [&c](const Bench& b) { run_case(b, c); });
    checks.push_back({.name = fmt::format("must_relocate/{}", c.name),
                      .summary = c.summary,
                      .source = "MREMAP_MUST_RELOCATE_ANON as posted in 2025",
                      .run = [&c](const Bench& b) { run_must(b, c); }});
    if (c.reach)
      checks.push_back({.name = fmt::format("reach/{}", c.name),
                        .summary = std::string(c.summary) + ": its pages can leave their place",
                        .source = "rmap_walk_anon()",
                        .run = [&c](const Bench& b) { run_reach(b, c); }});
  }
  add_one(checks, "flags", "flags and arguments that mean nothing are EINVAL and harmless",
          "check_mremap_params()", flags);
  add_one(checks, "sizes", "growing, shrinking, and both with a move", "mremap(2)", sizes);
  add_one(checks, "several_vmas", "a range of two VMAs moves whole, or not at all",
          "\"mm/mremap: permit mremap() move of multiple VMAs\", Linux 6.17", several_vmas);
  add_one(checks, "dontunmap", "together with MREMAP_DONTUNMAP", kDesign, dontunmap);
  add_one(checks, "child_that_COWed", "a child that has written every page", kDesign,
          child_that_cowed);
  add_one(checks, "locked_accounting", "VmLck goes with locked memory", "move_vma()",
          locked_accounting);
  add_one(checks, "address_limit", "beyond RLIMIT_AS: ENOMEM, nothing changed", "may_expand_vm()",
          address_limit);
  add_one(checks, "huge_aligned", "a huge page to an aligned place", "move_huge_pmd()",
          [](const Bench& b) { move_huge(b, Target::aligned); });
  add_one(checks, "huge_misaligned", "a huge page to any place", "move_page_tables()",
          [](const Bench& b) { move_huge(b, Target::misaligned); });
  add_one(checks, "huge_half", "half of a huge page", "__split_vma()", move_half_huge);
  add_one(checks, "guarded", "guard markers go with the memory", "move_ptes()", guarded);
}

}  // namespace rmaplab
