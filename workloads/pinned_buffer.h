// SPDX-License-Identifier: GPL-2.0-only
// Pages pinned for a device (FOLL_LONGTERM), as RDMA and VFIO pin them, by registering them
// as buffers of an io_uring.
#pragma once

#include <cstddef>
#include <memory>

#include "base/result.h"
#include "workloads/pattern.h"

struct io_uring;

namespace rmaplab
{

// The pages stay pinned until their owner is gone; the mapping they were pinned through may
// be moved, forked or unmapped before. The ring's own mappings are not copied by a fork; its
// descriptor is.
class PinnedBuffer
{
 public:
  // Faults in what is not there, for writing. Errc::unsupported: no io_uring here, or no
  // more memory may be locked.
  static Result<PinnedBuffer> pin(char* at, std::size_t pages);
  // Whether one lives in this process.
  static bool any();
  PinnedBuffer(PinnedBuffer&&) noexcept;
  PinnedBuffer& operator=(PinnedBuffer&&) = delete;
  ~PinnedBuffer();

  // What a device reads in the pinned pages is what touch(origin, pages, mark) wrote;
  // Errc::mismatch when the kernel gave the process other pages since.
  Result<> check_seen(const char* origin, Mark mark = {}) const;

 private:
  PinnedBuffer(std::unique_ptr<io_uring> ring, char* at, std::size_t bytes);
  std::unique_ptr<io_uring> ring_;
  char* at_;
  std::size_t bytes_;
};

}  // namespace rmaplab
