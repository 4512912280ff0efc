// SPDX-License-Identifier: GPL-2.0-only
// A cgroup (v2) with the memory controller, so that the kernel can be asked to reclaim
// what a workload holds and nothing else.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rmaplab
{

// Removed with its owner, who has left it by then; a file system of cgroups that was not
// mounted is mounted for as long.
class Cgroup
{
 public:
  // Errc::unsupported: no cgroup v2 with memory.reclaim (5.19), or no right to make one.
  static Result<Cgroup> create();
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&&) = delete;
  ~Cgroup();

  // This process: what it touches from now on counts in the cgroup, after leave() too.
  Result<> enter() const;
  Result<> leave() const;
  // One write of a number of bytes to memory.reclaim, which is open already: 0 and more, or
  // -1 with errno; EAGAIN when the kernel reclaimed less.
  long reclaim(const std::string& bytes) const;

 private:
  Cgroup() = default;
  std::string root_;  // of the hierarchy
  std::string path_;  // "" when moved from
  std::string home_;  // where this process was, cgroup.procs
  UniqueFd reclaim_;
  bool mounted_ = false;
  bool controls_ = false;  // we gave the controller to the root's children
};

}  // namespace rmaplab
