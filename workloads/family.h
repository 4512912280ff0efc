// SPDX-License-Identifier: GPL-2.0-only
// A tree of live processes that share one anonymous area: what a walk of the reverse
// mapping has to go through.
#pragma once

#include <vector>

#include "workloads/arena.h"
#include "workloads/cgroup.h"
#include "workloads/pattern.h"
#include "workloads/processes.h"

namespace rmaplab
{

// Who maps the pages that are walked to. Either way the walk visits the VMA of every
// process: their AVCs are in the tree of the first one's anon_vma.
enum class MappedBy : std::int64_t {
  all,    // nobody wrote since fork
  first,  // every descendant has written, and so has copies of its own
};

struct FamilyShape {
  std::size_t depth = 0;   // generations below the first process
  std::size_t fanout = 0;  // children of each process that is not of the last generation
  std::size_t vmas = 1;    // of the area, in each process; one anon_vma for all of them
  std::size_t pages = 1;   // of each of those VMAs
  MappedBy mapped_by = MappedBy::all;
  char* at = nullptr;              // where the area is; else at arena.at(0)
  const Cgroup* cgroup = nullptr;  // in which the pages of the first process count

  std::size_t descendants() const;
  // All its processes at once, for Workload::memory_pages.
  std::int64_t memory_pages() const;
};

// Sole owner of the descendants, who wait, and of the area.
class Family
{
 public:
  // Every page of the area is written by the first process (us) and the VMAs are made by
  // mprotect of every second, before the forks. Errc::usage for more processes than a
  // Meeting holds.
  static Result<Family> create(const Arena& arena, const FamilyShape& shape);
  Family(Family&& other) noexcept;
  Family& operator=(Family&&) = delete;
  // Lets everybody go, and reaps.
  ~Family();

  // The pages to walk to: one VMA in the middle of the area, readable and writable.
  char* pages() const { return pages_; }
  std::size_t page_count() const { return shape_.pages; }
  // Of all processes, us first.
  std::vector<pid_t> pids() const;
  // Ends it. Every process looks whether its pages hold what they held, ours included.
  Result<> check_and_end();

 private:
  Family(const Arena& arena, const FamilyShape& shape, Meeting meeting);
  Result<> map() const;
  Result<> touch_pages() const;
  pid_t fork_member(std::size_t generation);
  Result<> fork_children(std::size_t generation);
  int reap_children();
  Result<> check_own(std::size_t generation) const;

  const Arena* arena_;
  FamilyShape shape_;
  Meeting meeting_;
  char* area_;
  char* pages_;
  std::vector<pid_t> children_;
};

}  // namespace rmaplab
