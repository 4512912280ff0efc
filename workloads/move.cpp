// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/move.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <cassert>
#include <cerrno>
#include <cstring>

#include "base/relocate_flags.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

// include/uapi/linux/userfaultfd.h of 6.8, which the build machine's may predate.
constexpr std::uint64_t kFeatureMove = std::uint64_t{1} << 16;
constexpr std::uint64_t kAllowSourceHoles = 2;  // UFFDIO_MOVE_MODE_ALLOW_SRC_HOLES
struct MoveRequest {
  std::uint64_t to;
  std::uint64_t from;
  std::uint64_t bytes;
  std::uint64_t mode;
  std::int64_t moved;  // written by the kernel: bytes, or -errno
};
constexpr unsigned long kMoveIoctl = _IOWR(UFFDIO, 0x05, MoveRequest);
constexpr int kUserModeOnly = 1;  // 5.11; needs no privilege, and is all that moving needs

std::uint64_t address_of(const char* pointer)
{
  return reinterpret_cast<std::uint64_t>(pointer);
}

// libc may drop flags that it does not know.
bool remap(char* from, char* to, std::size_t bytes, int extra_flags)
{
  return ::syscall(SYS_mremap, from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | extra_flags,
                   to) != -1;
}

int relocation_flag(Way way)
{
  return way == way::relocate ? kRelocateAnon : way == way::must ? kMustRelocateAnon : 0;
}

bool map_target(char* to, std::size_t bytes)
{
  return ::mmap(to, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE, -1,
                0) != MAP_FAILED;
}

// Undoes what a failed move began, whose errno it keeps.
bool give_up(char* to, std::size_t bytes)
{
  const int error = errno;
  ::munmap(to, bytes);
  errno = error;
  return false;
}

bool register_range(const UniqueFd& fd, const char* at, std::size_t bytes)
{
  uffdio_register request = {};
  request.range = {.start = address_of(at), .len = bytes};
  request.mode = UFFDIO_REGISTER_MODE_MISSING;
  return ::ioctl(fd.get(), UFFDIO_REGISTER, &request) == 0;
}

bool unregister_range(const UniqueFd& fd, const char* at, std::size_t bytes)
{
  uffdio_range range = {.start = address_of(at), .len = bytes};
  return ::ioctl(fd.get(), UFFDIO_UNREGISTER, &range) == 0;
}

// A move that is interrupted says how far it came, and EAGAIN.
bool move_pages_of(const UniqueFd& fd, const char* from, const char* to, std::size_t bytes)
{
  MoveRequest request = {.to = address_of(to),
                         .from = address_of(from),
                         .bytes = bytes,
                         .mode = kAllowSourceHoles,
                         .moved = 0};
  while (::ioctl(fd.get(), kMoveIoctl, &request) != 0) {
    if (errno != EAGAIN)
      return false;
    const auto done = request.moved > 0 ? static_cast<std::uint64_t>(request.moved) : 0;
    request.to += done;
    request.from += done;
    request.bytes -= done;
    if (request.bytes == 0)
      return true;
  }
  return true;
}

bool move_registered(const UniqueFd& fd, char* from, char* to, std::size_t bytes)
{
  if (!map_target(to, bytes))
    return false;
  if (!register_range(fd, to, bytes) || !move_pages_of(fd, from, to, bytes) ||
      !unregister_range(fd, to, bytes))
    return give_up(to, bytes);
  return ::munmap(from, bytes) == 0;
}

bool move_copied(char* from, char* to, std::size_t bytes)
{
  if (!map_target(to, bytes))
    return false;
  std::memcpy(to, from, bytes);
  return ::munmap(from, bytes) == 0 || give_up(to, bytes);
}

Error missing(std::string what)
{
  return {.code = Errc::unsupported, .context = std::move(what)};
}

// One page that has no faults yet: a kernel that has the flag moves it without more ado.
Result<> has_flag(int flag, const char* name)
{
  void* const two =
      ::mmap(nullptr, 2 * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (two == MAP_FAILED)
    return os_error("mmap for a trial of mremap");
  char* const from = static_cast<char*>(two);
  const bool moved = remap(from, from + page_size(), page_size(), flag);
  const int error = errno;
  ::munmap(two, 2 * page_size());
  if (moved)
    return ok();
  if (error == EINVAL)
    return missing(std::string("this kernel has no ") + name);
  return Error{.context = std::string("mremap with ") + name, .sys_errno = error};
}

Result<UniqueFd> open_userfaultfd()
{
  UniqueFd fd(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | kUserModeOnly)));
  if (!fd && (errno == ENOSYS || errno == EPERM))
    return missing(errno == ENOSYS ? "this kernel has no userfaultfd"
                                   : "userfaultfd is not permitted here");
  if (!fd)
    return os_error("userfaultfd");
  uffdio_api api = {};
  api.api = UFFD_API;
  api.features = kFeatureMove;
  if (::ioctl(fd.get(), UFFDIO_API, &api) != 0)
    return errno == EINVAL ? missing("this kernel's userfaultfd has no UFFDIO_MOVE")
                           : os_error("UFFDIO_API");
  return fd;
}

}  // namespace

Argument way_argument()
{
  return {.name = "way", .labels = {"plain", "relocate", "must", "uffd", "uffd_once", "copy"}};
}

Result<Mover> Mover::create(Way way)
{
  if (const int flag = relocation_flag(way); flag != 0)
    if (auto has =
            has_flag(flag, way == way::must ? "MREMAP_MUST_RELOCATE_ANON" : "MREMAP_RELOCATE_ANON");
        !has)
      return has.error();
  if (way != way::uffd && way != way::uffd_once)
    return Mover(way, UniqueFd());
  auto fd = open_userfaultfd();
  if (!fd)
    return fd.error();
  return Mover(way, *std::move(fd));
}

bool Mover::begin(char* source, char* target, std::size_t bytes)
{
  if (way_ != way::uffd_once)
    return true;
  source_ = source;
  target_ = target;
  bytes_ = bytes;
  if (!map_target(target, bytes))
    return false;
  return register_range(fd_, target, bytes) || give_up(target, bytes);
}

bool Mover::end()
{
  if (way_ != way::uffd_once)
    return true;
  return unregister_range(fd_, target_, bytes_) && ::munmap(source_, bytes_) == 0;
}

bool Mover::move_keeping(char* from, char* to, std::size_t bytes) const
{
  assert(way_ == way::plain || way_ == way::relocate || way_ == way::must);
  return remap(from, to, bytes, relocation_flag(way_) | MREMAP_DONTUNMAP);
}

bool Mover::move(char* from, char* to, std::size_t bytes) const
{
  switch (way_) {
    case way::plain:
    case way::relocate:
    case way::must:
      return remap(from, to, bytes, relocation_flag(way_));
    case way::uffd:
      return move_registered(fd_, from, to, bytes);
    case way::uffd_once:
      return move_pages_of(fd_, from, to, bytes);
    case way::copy:
      return move_copied(from, to, bytes);
  }
  return false;
}

}  // namespace rmaplab
