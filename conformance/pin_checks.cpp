// SPDX-License-Identifier: GPL-2.0-only
// Pages that a device may write to at any time: io_uring's registered buffers are pinned
// for long (FOLL_LONGTERM). Wherever a move or a fork leaves the mapping, it must lead to
// these very pages, or what the kernel writes is lost.
#include <fcntl.h>
#include <liburing.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"
#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/looks.h"
#include "conformance/uffd.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kFrom = 100;
constexpr std::size_t kTo = 2;
constexpr std::size_t kPages = 4;

class Ring
{
 public:
  Ring()
  {
    if (const int error = ::io_uring_queue_init(4, &ring_, 0); error < 0)
      skip("io_uring_setup: " + errno_text(-error));
  }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { ::io_uring_queue_exit(&ring_); }

  void pin(char* at, std::size_t pages)
  {
    const struct iovec buffer = {.iov_base = at, .iov_len = pages * page_size()};
    no_more_walks();
    const int error = ::io_uring_register_buffers(&ring_, &buffer, 1);
    if (error == -ENOMEM)
      skip("io_uring_register_buffers: ENOMEM, RLIMIT_MEMLOCK");
    expect_errno("io_uring_register_buffers", 0, -error);
  }

  // The kernel copies from `file` into the pinned page that was `at` when it was pinned.
  void read_into(char* at, int file)
  {
    struct io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
    ::io_uring_prep_read_fixed(entry, file, at, static_cast<unsigned>(page_size()), 0, 0);
    ::io_uring_submit(&ring_);
    struct io_uring_cqe* done = nullptr;
    expect_errno("io_uring_wait_cqe", 0, -::io_uring_wait_cqe(&ring_, &done));
    const int bytes = done->res;
    ::io_uring_cqe_seen(&ring_, done);
    expect_equal("bytes of a fixed read", static_cast<int>(page_size()), bytes);
  }

  const struct io_uring_sq& submission() const { return ring_.sq; }

 private:
  struct io_uring ring_ = {};
};

// A file of one page that reads as touch() of `at` with generation 7.
constexpr Mark kFromFile = {.generation = 7};
UniqueFd file_with_page_of(char* at)
{
  UniqueFd file(::memfd_create("rmaplab", MFD_CLOEXEC));
  touch(at, 1, kFromFile);
  if (::write(file.get(), at, page_size()) != static_cast<ssize_t>(page_size()))
    throw Verdict{os_error("write a memfd")};
  touch(at, 1);
  return file;
}

UniqueFd file_of_zeros()
{
  UniqueFd file(::memfd_create("rmaplab", MFD_CLOEXEC));
  if (::ftruncate(file.get(), static_cast<off_t>(page_size())) < 0)
    throw Verdict{os_error("ftruncate")};
  return file;
}

void set_up(const Bench& b, Ring& ring)
{
  map(b.at(kFrom), kPages);
  advise(b.at(kFrom), kPages, MADV_NOHUGEPAGE);
  touch(b.at(kFrom), kPages);
  ring.pin(b.at(kFrom), kPages);
}

// What the kernel writes into the second pinned page shows at `now`, and nowhere else.
void expect_pinned(const Bench& b, Ring& ring, const UniqueFd& file, char* now)
{
  ring.read_into(b.at(kFrom + 1), file.get());
  expect_data(now, 1, b.at(kFrom));
  must(check_pages(now + page_size(), 1, b.at(kFrom + 1), kFromFile));
  expect_data(now + 2 * page_size(), kPages - 2, b.at(kFrom + 2));
}

void moved(const Bench& b)
{
  Ring ring;
  set_up(b, ring);
  const UniqueFd file = file_with_page_of(b.at(kFrom + 1));
  map(b.at(0), 2);
  advise(b.at(0), 2, MADV_NOHUGEPAGE);
  if (!has_relocate_anon())
    expect_errno("mremap with MREMAP_RELOCATE_ANON", EINVAL,
                 try_move(b.at(kFrom), kPages, b.at(kTo), kRelocateAnon));
  move(b.at(kFrom), kPages, b.at(kTo), has_relocate_anon() ? kRelocateAnon : 0);
  expect_layout(b, {{0, 2}, {kTo, kTo + kPages}});  // pinned: never relocated
  expect_pinned(b, ring, file, b.at(kTo));
}

void split(const Bench& b)
{
  Ring ring;
  set_up(b, ring);
  const UniqueFd file = file_with_page_of(b.at(kFrom + 1));
  protect(b.at(kFrom + 1), 1, PROT_READ);
  protect(b.at(kFrom + 1), 1, kReadWrite);
  expect_layout(b, {{kFrom, kFrom + kPages}});
  expect_pinned(b, ring, file, b.at(kFrom));
}

// Fork copies pinned pages at once (copy_present_page()): the parent keeps the pinned ones
// although it is the one that writes first afterwards.
void forked(const Bench& b)
{
  Ring ring;
  set_up(b, ring);
  const UniqueFd file = file_with_page_of(b.at(kFrom + 1));
  must(in_child([&] {
    const pid_t pid = ::fork();
    if (pid == 0)
      ::_exit(0);
    ::waitpid(pid, nullptr, 0);
    expect_data(b.at(kFrom), kPages);
    touch(b.at(kFrom), kPages, {.generation = 3});  // its own copies
  }));
  touch(b.at(kFrom), 1);
  expect_pinned(b, ring, file, b.at(kFrom));
}

// The child that lives keeps what it had, whatever the parent and the kernel write.
void forked_child(const Bench& b)
{
  Ring ring;
  set_up(b, ring);
  const UniqueFd file = file_with_page_of(b.at(kFrom + 1));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    throw Verdict{os_error("pipe")};
  const UniqueFd go_read(ends[0]);
  UniqueFd go_write(ends[1]);
  const pid_t pid = ::fork();
  if (pid == 0) {
    go_write.reset();
    char byte = 0;
    static_cast<void>(::read(go_read.get(), &byte, 1) < 0);
    ::_exit(check_pages(b.at(kFrom), kPages) ? 0 : 1);
  }
  const auto outcome = outcome_of([&] { expect_pinned(b, ring, file, b.at(kFrom)); });
  go_write.reset();
  int status = 0;
  ::waitpid(pid, &status, 0);
  must(outcome);
  expect_equal("status of the child that compared its data", 0, status);
}

void uffd(const Bench& b)
{
  Ring ring;
  set_up(b, ring);
  const UniqueFd file = file_with_page_of(b.at(kFrom + 1));
  const UniqueFd descriptor = open_uffd(kUffdFeatureMove);
  map(b.at(kTo), kPages);
  register_missing(descriptor, b.at(kTo), kPages);
  expect_errno("UFFDIO_MOVE of pinned pages", EBUSY,
               uffd_move(descriptor, b.at(kTo), b.at(kFrom), kPages).error);
  expect_pinned(b, ring, file, b.at(kFrom));
}

// Pages in a pipe are referenced, not pinned: they move, and the pipe keeps their content.
void vmspliced(const Bench& b)
{
  map(b.at(kFrom), 1);
  touch(b.at(kFrom), 1);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    throw Verdict{os_error("pipe")};
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  {
    const NoLooks in_the_pipe;  // who sends pages to another node leaves what is referenced
    const struct iovec page = {.iov_base = b.at(kFrom), .iov_len = page_size()};
    expect_equal("bytes of vmsplice", static_cast<ssize_t>(page_size()),
                 ::vmsplice(write_end.get(), &page, 1, 0));
    move(b.at(kFrom), 1, b.at(kTo), has_relocate_anon() ? kRelocateAnon : 0);
    expect_data(b.at(kTo), 1, b.at(kFrom));
    map(b.at(50), 1);
    expect_equal("bytes read from the pipe", static_cast<ssize_t>(page_size()),
                 ::read(read_end.get(), b.at(50), page_size()));
  }
  expect_data(b.at(50), 1, b.at(kFrom));
}

// The ring itself: memory of the kernel's, VM_SPECIAL. Nobody may choose its address, which
// the architecture's caches could mind, so a move to a chosen one is refused.
void ring_memory(const Bench& b)
{
  Ring ring;
  const std::size_t mask = page_size() - 1;
  const std::size_t pages = ((ring.submission().ring_sz + mask) & ~mask) / page_size();
  auto* const from = static_cast<char*>(ring.submission().ring_ptr);
  expect_errno("mremap of the ring", EINVAL, try_move(from, pages, b.at(0)));
  if (has_relocate_anon())
    expect_errno("mremap of the ring with MREMAP_RELOCATE_ANON", EINVAL,
                 try_move(from, pages, b.at(0), kRelocateAnon));
  expect_layout(b, {});
  const UniqueFd file = file_of_zeros();
  map(b.at(kFrom), 1);
  touch(b.at(kFrom), 1);
  ring.pin(b.at(kFrom), 1);
  ring.read_into(b.at(kFrom), file.get());
  must(check_zero_pages(b.at(kFrom), 1));
}

}  // namespace

void add_pin_checks(std::vector<Check>& checks)
{
  const struct {
    const char* name;
    const char* summary;
    const char* source;
    void (*run)(const Bench&);
  } rows[] = {
      {"mremap", "a moved buffer is still the pinned one", "move_page_tables()", moved},
      {"split", "a buffer split and merged is still the pinned one", "__split_vma()", split},
      {"fork", "a parent keeps its pinned pages over fork and writes of both",
       "copy_present_page()", forked},
      {"fork_child", "a child has copies that nothing changes", "copy_present_page()",
       forked_child},
      {"uffd_move", "pinned pages are EBUSY for UFFDIO_MOVE", "folio_maybe_dma_pinned()", uffd},
      {"vmsplice", "pages in a pipe move, and the pipe keeps their content", "mremap(2)",
       vmspliced},
      {"ring_memory", "the memory of a ring does not move to a chosen place, and the ring goes on",
       "io_uring_get_unmapped_area()", ring_memory},
  };
  for (const auto& row : rows)
    checks.push_back({.name = std::string("pin/") + row.name,
                      .summary = row.summary,
                      .source = row.source,
                      .run = row.run});
}

}  // namespace rmaplab
