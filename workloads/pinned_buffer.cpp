// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/pinned_buffer.h"

#include <fmt/format.h>
#include <liburing.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/unique_fd.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

int living = 0;  // a forked child has its parent's pages, and does not send them anywhere

constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // of one registered buffer

std::vector<iovec> pieces_of(char* at, std::size_t bytes)
{
  std::vector<iovec> pieces;
  for (std::size_t done = 0; done < bytes; done += pieces.back().iov_len)
    pieces.push_back({.iov_base = at + done, .iov_len = std::min(kMostBytes, bytes - done)});
  return pieces;
}

// `negative`: what liburing gives back, -errno.
Error uring_error(const std::string& context, int negative)
{
  const bool cannot = negative == -ENOSYS || negative == -EPERM || negative == -ENOMEM;
  return {.code = cannot ? Errc::unsupported : Errc::os,
          .context = "io_uring: " + context,
          .sys_errno = -negative};
}

// Waits for one write of the ring's; the bytes written or -errno.
int submit_and_wait(io_uring& ring)
{
  if (const int submitted = io_uring_submit(&ring); submitted < 0)
    return submitted;
  io_uring_cqe* done = nullptr;
  if (const int waited = io_uring_wait_cqe(&ring, &done); waited < 0)
    return waited;
  const int written = done->res;
  io_uring_cqe_seen(&ring, done);
  return written;
}

}  // namespace

PinnedBuffer::PinnedBuffer(std::unique_ptr<io_uring> ring, char* at, std::size_t bytes)
    : ring_(std::move(ring)), at_(at), bytes_(bytes)
{
  ++living;
}

bool PinnedBuffer::any()
{
  return living > 0;
}

PinnedBuffer::PinnedBuffer(PinnedBuffer&&) noexcept = default;

PinnedBuffer::~PinnedBuffer()
{
  if (!ring_)
    return;
  // Not left to the ring's end, which comes later, from a worker of the kernel's.
  io_uring_unregister_buffers(ring_.get());
  io_uring_queue_exit(ring_.get());
  --living;
}

Result<PinnedBuffer> PinnedBuffer::pin(char* at, std::size_t pages)
{
  const std::size_t bytes = pages * page_size();
  auto ring = std::make_unique<io_uring>();
  if (const int made = io_uring_queue_init(1, ring.get(), 0); made < 0)
    return uring_error("make a ring", made);
  io_uring_ring_dontfork(ring.get());
  const auto pieces = pieces_of(at, bytes);
  const int pinned =
      io_uring_register_buffers(ring.get(), pieces.data(), static_cast<unsigned>(pieces.size()));
  if (pinned < 0) {
    io_uring_queue_exit(ring.get());
    return uring_error(fmt::format("pin {} pages", pages), pinned);
  }
  return PinnedBuffer(std::move(ring), at, bytes);
}

Result<> PinnedBuffer::check_seen(const char* origin, Mark mark) const
{
  const UniqueFd copy(::memfd_create("rmaplab-pinned", MFD_CLOEXEC));
  if (!copy)
    return os_error("memfd_create");
  const auto pieces = pieces_of(at_, bytes_);
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    io_uring_prep_write_fixed(io_uring_get_sqe(ring_.get()), copy.get(), pieces[i].iov_base,
                              static_cast<unsigned>(pieces[i].iov_len), i * kMostBytes,
                              static_cast<int>(i));
    const int written = submit_and_wait(*ring_);
    if (written < 0)
      return uring_error("write from a pinned buffer", written);
    if (static_cast<std::size_t>(written) != pieces[i].iov_len)
      return Error{.code = Errc::os, .context = "io_uring: a write was cut short"};
  }
  void* const seen = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, copy.get(), 0);
  if (seen == MAP_FAILED)
    return os_error("mmap what a device sees");
  auto same = check_pages(static_cast<const char*>(seen), bytes_ / page_size(), origin, mark);
  ::munmap(seen, bytes_);
  return same;
}

}  // namespace rmaplab
