// SPDX-License-Identifier: GPL-2.0-only
// private_memfd: the first write to a page of each of K memfds, mapped private or shared.
//
// Sharing: private: the page written to is a copy of the file's, anonymous, so each
// mapping gets an anon_vma with one AVC, as memory without a file does. shared: the
// page is the file's, found through its address_space; no anon_vma.
// Kernel: do_cow_fault() > __anon_vma_prepare(); shared: do_shared_fault(). Series 1 leaves
// both as they are. Figures are per page faulted in.
// Not measured: creating, filling and mapping the files.
#include <sys/mman.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "workloads/rows.h"
#include "workloads/steps.h"

namespace rmaplab
{

namespace
{

enum Kind : std::int64_t { private_map, shared_map };

constexpr std::uint64_t kInFile = 0x66696c65;  // no address of the arena

Result<UniqueFd> create_file()
{
  UniqueFd fd(::memfd_create("rmaplab", MFD_CLOEXEC));
  if (!fd)
    return os_error("memfd_create");
  if (::ftruncate(fd.get(), static_cast<off_t>(page_size())) < 0)
    return os_error("ftruncate a memfd");
  if (::pwrite(fd.get(), &kInFile, sizeof kInFile, 0) != sizeof kInFile)
    return os_error("write to a memfd");
  return fd;
}

class Files
{
 public:
  Files(const Arena& arena, std::size_t count, Kind kind)
      : arena_(arena), count_(count), flags_(kind == private_map ? MAP_PRIVATE : MAP_SHARED)
  {
  }
  Result<> map()
  {
    fds_.clear();
    for (std::size_t i = 0; i < count_; ++i) {
      auto fd = create_file();
      if (!fd)
        return fd.error();
      if (::mmap(page(i), page_size(), PROT_READ | PROT_WRITE, flags_ | MAP_FIXED_NOREPLACE,
                 fd->get(), 0) == MAP_FAILED)
        return os_error("mmap a memfd");
      fds_.push_back(*std::move(fd));
    }
    return ok();
  }
  Result<> write() const
  {
    for (std::size_t i = 0; i < count_; ++i)
      touch(page(i), 1);
    return ok();
  }
  Result<> check() const
  {
    for (std::size_t i = 0; i < count_; ++i) {
      if (auto good = check_pages(page(i), 1); !good)
        return good;
      std::uint64_t word = 0;
      if (::pread(fds_[i].get(), &word, sizeof word, 0) != sizeof word)
        return os_error("read a memfd");
      if ((word == kInFile) != (flags_ == MAP_PRIVATE))
        return Error{.code = Errc::mismatch,
                     .context = flags_ == MAP_PRIVATE ? "a private write reached the file"
                                                      : "a shared write did not reach the file"};
    }
    return ok();
  }

 private:
  char* page(std::size_t i) const { return arena_.island(i, 1); }

  const Arena& arena_;
  std::size_t count_;
  int flags_;
  std::vector<UniqueFd> fds_;
};

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  Files files(*arena, range_of(state, 0), Kind{state.range(1)});
  time_steps(state, meter, *arena,
             {.build = [&] { return files.map(); },
              .act = [&] { return files.write(); },
              .check = [&] { return files.check(); }});
}

}  // namespace

const Workload private_memfd{
    .name = "private_memfd",
    .summary = "first writes to K memfds: mapped private they need an anon_vma each",
    .kernel_path = "do_cow_fault, __anon_vma_prepare",
    .patches = "control",
    .item = "page faulted in",
    .arguments = {{.name = "files"}, {.name = "kind", .labels = {"private", "shared"}}},
    .quick = {{10, private_map}, {100, private_map}, {10, shared_map}, {100, shared_map}},
    .full = {{1, private_map},
             {10, private_map},
             {100, private_map},
             {500, private_map},
             {1, shared_map},
             {10, shared_map},
             {100, shared_map},
             {500, shared_map}},
    .items = [](const Values& v) { return v[0]; },
    // A file is dearer than its page: an inode, made and dropped.
    .weight = [](const Values& v) { return 16 * v[0]; },
    .memory_pages = [](const Values& v) -> std::int64_t { return kProcessPages + 4 * v[0]; },
    .run = run,
};

}  // namespace rmaplab
