// SPDX-License-Identifier: GPL-2.0-only
// UFFDIO_MOVE (Linux 6.8): moves pages, not VMAs, and so it is what MREMAP_RELOCATE_ANON
// would be for those who can arrange themselves with userfaultfd. The destination is a
// VMA of its own only while it is registered.
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/uffd.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kFrom = 100;
constexpr std::size_t kTo = 2;

void expect_moved(std::string_view what, int error, std::int64_t bytes, const Moved& found)
{
  expect_errno(fmt::format("UFFDIO_MOVE {}", what), error, found.error);
  expect_equal(fmt::format(".move {}", what), bytes, found.bytes);
}

void expect_moves(std::string_view what, std::size_t pages, const Moved& found)
{
  expect_moved(what, 0, static_cast<std::int64_t>(pages * page_size()), found);
}

// Nothing moved: .move holds the same error.
void expect_fails(std::string_view what, int error, const Moved& found)
{
  expect_moved(what, error, -error, found);
}

// A registered destination of `pages` pages and a written source.
UniqueFd set_up(const Bench& b, std::size_t pages = 2)
{
  UniqueFd uffd = open_uffd(kUffdFeatureMove);
  map(b.at(kTo), pages);
  map(b.at(kFrom), pages);
  touch(b.at(kFrom), pages);
  register_missing(uffd, b.at(kTo), pages);
  return uffd;
}

Moved move_all(const Bench& b, const UniqueFd& uffd, std::size_t pages = 2, std::uint64_t mode = 0)
{
  return uffd_move(uffd, b.at(kTo), b.at(kFrom), pages, mode);
}

enum class Neighbour { faulted, unfaulted };

void merges(const Bench& b, Neighbour neighbour)
{
  map(b.at(0), 2);
  if (neighbour == Neighbour::faulted)
    touch(b.at(0), 2);
  const UniqueFd uffd = set_up(b);
  expect_layout(b, {{0, 2}, {2, 4}, {kFrom, kFrom + 2}}, "registered");
  expect_moves("beside a neighbour", 2, move_all(b, uffd));
  expect_data(b.at(kTo), 2, b.at(kFrom));
  unregister(uffd, b.at(kTo), 2);
  unmap(b.at(kFrom), 2);
  // The VMA that changes is F, and U its neighbour: the rule of mprotect_F_to_U_before.
  const bool apart = neighbour == Neighbour::unfaulted && !merges_into_unfaulted();
  expect_layout(b, apart ? Layout{{0, 2}, {2, 4}} : Layout{{0, 4}}, "unregistered");
  expect_data(b.at(kTo), 2, b.at(kFrom));
  if (neighbour == Neighbour::faulted)
    expect_data(b.at(0), 2);
}

// The whole target registered at once is one VMA all the time, whatever the order.
void reversed(const Bench& b)
{
  constexpr std::size_t kPages = 8;
  const UniqueFd uffd = set_up(b, kPages);
  for (std::size_t i = 0; i < kPages; ++i) {
    expect_moves("of a page", 1, uffd_move(uffd, b.at(kTo + kPages - 1 - i), b.at(kFrom + i), 1));
    expect_layout(b, {{kTo, kTo + kPages}, {kFrom, kFrom + kPages}});
  }
  for (std::size_t i = 0; i < kPages; ++i)
    expect_data(b.at(kTo + kPages - 1 - i), 1, b.at(kFrom + i));
  must(check_zero_pages(b.at(kFrom), kPages));
}

void unregistered(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  unregister(uffd, b.at(kTo), 2);
  expect_fails("to what is not registered", EINVAL, move_all(b, uffd));
  expect_data(b.at(kFrom), 2);
}

void present(const Bench& b)
{
  UniqueFd uffd = open_uffd(kUffdFeatureMove);
  map(b.at(kTo), 2);
  touch(b.at(kTo), 1);
  map(b.at(kFrom), 2);
  touch(b.at(kFrom), 2);
  register_missing(uffd, b.at(kTo), 2);
  expect_fails("over a page", EEXIST, move_all(b, uffd));
  expect_data(b.at(kTo), 1);
  expect_data(b.at(kFrom), 2);
}

void present_later(const Bench& b)
{
  UniqueFd uffd = open_uffd(kUffdFeatureMove);
  map(b.at(kTo), 2);
  touch(b.at(kTo + 1), 1);
  map(b.at(kFrom), 2);
  touch(b.at(kFrom), 2);
  register_missing(uffd, b.at(kTo), 2);
  expect_moved("over a page later on", EAGAIN, static_cast<std::int64_t>(page_size()),
               move_all(b, uffd));
  expect_data(b.at(kTo), 1, b.at(kFrom));
  expect_data(b.at(kFrom + 1), 1);
}

void hole(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  advise(b.at(kFrom), 1, MADV_DONTNEED);
  expect_fails("of a hole", ENOENT, move_all(b, uffd));
  expect_data(b.at(kFrom + 1), 1);
  expect_moves("of a hole that is allowed", 2, move_all(b, uffd, 2, kUffdMoveAllowSrcHoles));
  expect_data(b.at(kTo + 1), 1, b.at(kFrom + 1));
}

void hole_later(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  advise(b.at(kFrom + 1), 1, MADV_DONTNEED);
  expect_moved("with a hole later on", EAGAIN, static_cast<std::int64_t>(page_size()),
               move_all(b, uffd));
  expect_data(b.at(kTo), 1, b.at(kFrom));
}

void zero_page(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  advise(b.at(kFrom), 2, MADV_DONTNEED);
  must(check_zero_pages(b.at(kFrom), 2));
  // The source VMA has an anon_vma from before; what moves is the zero page.
  expect_moves("of zero pages", 2, move_all(b, uffd));
  must(check_zero_pages(b.at(kTo), 2));
}

void shared_with_child(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  {
    const LiveChild child;
    expect_fails("of pages shared with a child", EBUSY, move_all(b, uffd));
  }
  expect_fails("after the child's exit", EBUSY, move_all(b, uffd));
  touch(b.at(kFrom), 2);  // reuses the pages, which are exclusive again
  expect_moves("of pages written again", 2, move_all(b, uffd));
  expect_data(b.at(kTo), 2, b.at(kFrom));
}

void cowed_by_child(const Bench& b)
{
  map(b.at(kFrom), 2);
  touch(b.at(kFrom), 2);
  must(in_child([&] {
    const UniqueFd uffd = open_uffd(kUffdFeatureMove);
    map(b.at(kTo), 2);
    register_missing(uffd, b.at(kTo), 2);
    touch(b.at(kFrom), 2, {.generation = 1});
    expect_moves("of what the child wrote", 2, move_all(b, uffd));
    must(check_pages(b.at(kTo), 2, b.at(kFrom), {.generation = 1}));
  }));
  expect_data(b.at(kFrom), 2);
}

void dontfork(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  advise(b.at(kFrom), 2, MADV_DONTFORK);
  const LiveChild child;
  expect_moves("of pages no child has", 2, move_all(b, uffd));
  expect_data(b.at(kTo), 2, b.at(kFrom));
}

void locked(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  expect_errno("mlock", 0, ::mlock(b.at(kFrom), 2 * page_size()) < 0 ? errno : 0);
  expect_fails("of locked pages to unlocked memory", EINVAL, move_all(b, uffd));
  expect_data(b.at(kFrom), 2);
}

void readonly(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  protect(b.at(kFrom), 2, PROT_READ);
  expect_fails("of read-only memory", EINVAL, move_all(b, uffd));
  expect_data(b.at(kFrom), 2);
}

void shared_memory(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  unmap(b.at(kFrom), 2);
  must(b.arena.map(b.at(kFrom), 2, MAP_SHARED));
  touch(b.at(kFrom), 2);
  expect_fails("of shared memory", EINVAL, move_all(b, uffd));
  expect_data(b.at(kFrom), 2);
}

void private_file(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  const UniqueFd file(::memfd_create("rmaplab", MFD_CLOEXEC));
  if (::ftruncate(file.get(), static_cast<off_t>(2 * page_size())) < 0)
    throw Verdict{os_error("ftruncate")};
  map_file(b.at(kFrom), 2, file.get(), 0, MAP_PRIVATE);
  touch(b.at(kFrom), 2);
  expect_fails("of a private file", EINVAL, move_all(b, uffd));
  expect_data(b.at(kFrom), 2);
}

void unaligned(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  const auto failed = [](const Moved& moved) { return moved.error; };
  expect_errno("UFFDIO_MOVE from no page's begin", EINVAL,
               failed(uffd_move(uffd, b.at(kTo), b.at(kFrom) + 8, 1)));
  expect_errno("UFFDIO_MOVE to no page's begin", EINVAL,
               failed(uffd_move(uffd, b.at(kTo) + 8, b.at(kFrom), 1)));
  expect_errno("UFFDIO_MOVE of no page", EINVAL,
               failed(uffd_move(uffd, b.at(kTo), b.at(kFrom), 0)));
  expect_errno("UFFDIO_MOVE with an unknown mode", EINVAL,
               failed(uffd_move(uffd, b.at(kTo), b.at(kFrom), 1, 1 << 5)));
  expect_data(b.at(kFrom), 2);
}

// A child inherits the descriptor, not the registration; the ioctl acts on the memory of
// whoever opened the descriptor, and a child is refused.
void inherited(const Bench& b)
{
  const UniqueFd uffd = set_up(b);
  must(in_child([&] {
    const Moved moved = move_all(b, uffd);
    expect_equal("UFFDIO_MOVE in a child fails", true, moved.error != 0);
    expect_data(b.at(kFrom), 2);
  }));
  expect_data(b.at(kFrom), 2);
}

}  // namespace

void add_uffd_checks(std::vector<Check>& checks)
{
  const struct {
    const char* name;
    const char* summary;
    void (*run)(const Bench&);
  } rows[] = {
      {"merges_after_F", "pages moved after F are one VMA with it once unregistered",
       [](const Bench& b) { merges(b, Neighbour::faulted); }},
      {"merges_after_U", "pages moved after U likewise, since 879bca0a2c4f",
       [](const Bench& b) { merges(b, Neighbour::unfaulted); }},
      {"reversed", "pages moved in reversed order into one VMA leave it one", reversed},
      {"unregistered", "a destination that is not registered: EINVAL", unregistered},
      {"present", "a destination that has a page: EEXIST", present},
      {"present_later", "one that has a later page: EAGAIN and how far it came", present_later},
      {"hole", "a source without a page: ENOENT, unless holes are allowed", hole},
      {"hole_later", "a source without a later page: EAGAIN and how far it came", hole_later},
      {"zero_page", "zero pages move", zero_page},
      {"shared_with_child", "pages shared with a child: EBUSY, until they are written again",
       shared_with_child},
      {"COWed_by_child", "a child's own pages move", cowed_by_child},
      {"dontfork", "pages that no child has move while one lives", dontfork},
      {"locked", "locked to unlocked memory: EINVAL", locked},
      {"readonly", "read-only memory: EINVAL", readonly},
      {"shared_memory", "shared memory: EINVAL", shared_memory},
      {"private_file", "a private file: EINVAL", private_file},
      {"arguments", "arguments that mean nothing: EINVAL", unaligned},
      {"inherited", "a child cannot move with its parent's descriptor", inherited},
  };
  for (const auto& row : rows)
    checks.push_back({.name = std::string("uffd_move/") + row.name,
                      .summary = row.summary,
                      .source = "move_pages() of mm/userfaultfd.c, Linux 6.8",
                      .run = row.run});
}

}  // namespace rmaplab
