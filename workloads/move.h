// SPDX-License-Identifier: GPL-2.0-only
// The ways to move private anonymous memory to another address: mremap as it is, with the
// flags of series 2, and what user space can do instead.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"
#include "workloads/workload.h"

namespace rmaplab
{

namespace way
{
enum Way : std::int64_t {
  plain,      // mremap: the pages keep their place in their anon_vma
  relocate,   // mremap with MREMAP_RELOCATE_ANON, which falls back to plain without a word
  must,       // with MREMAP_MUST_RELOCATE_ANON, which fails instead
  uffd,       // mmap, register, UFFDIO_MOVE, unregister, munmap of the source: each move
  uffd_once,  // the target mapped and registered once, then UFFDIO_MOVE alone: begin(), end()
  copy,       // mmap, memcpy, munmap of the source
};
}
using way::Way;

// For Workload::arguments: "way", with a label for each.
Argument way_argument();

// Moves as one way does. At its end the source is unmapped, or empty for uffd_once.
class Mover
{
 public:
  // Asks the running kernel whether it has the way. Errc::unsupported names what is missing.
  static Result<Mover> create(Way way);

  // Around the moves from somewhere in `source` to somewhere in `target`, each of `bytes`
  // bytes: of uffd_once only, for the others nothing. False with errno set.
  bool begin(char* source, char* target, std::size_t bytes);
  bool end();
  // False with errno set: where no page was moved, all is as it was. Nothing is in the way
  // at `to`, but for mremap, which overwrites it.
  bool move(char* from, char* to, std::size_t bytes) const;
  // With MREMAP_DONTUNMAP: the source stays mapped, empty. Of the mremap ways only.
  bool move_keeping(char* from, char* to, std::size_t bytes) const;

 private:
  Mover(Way way, UniqueFd fd) : way_(way), fd_(std::move(fd)) {}
  Way way_;
  UniqueFd fd_;  // of userfaultfd(2)
  char* source_ = nullptr;
  char* target_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace rmaplab
