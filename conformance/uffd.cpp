// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/uffd.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <cerrno>

#include "conformance/check.h"

namespace rmaplab
{

namespace
{

constexpr int kUserModeOnly = 1;  // UFFD_USER_MODE_ONLY, Linux 5.11

// struct uffdio_move of linux/userfaultfd.h since 6.8; the build's headers may be older.
struct UffdioMove {
  std::uint64_t dst;
  std::uint64_t src;
  std::uint64_t len;
  std::uint64_t mode;
  std::int64_t move;
};
constexpr unsigned long kUffdioMove = _IOWR(UFFDIO, 0x05, UffdioMove);

struct uffdio_range range_of(char* at, std::size_t pages)
{
  return {.start = reinterpret_cast<std::uint64_t>(at), .len = pages * page_size()};
}

}  // namespace

UniqueFd open_uffd(std::uint64_t features)
{
  UniqueFd uffd(
      static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | kUserModeOnly)));
  if (!uffd)
    skip("userfaultfd: " + errno_text(errno));
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  if (::ioctl(uffd.get(), UFFDIO_API, &api) < 0)
    skip(fmt::format("userfaultfd without the features {:#x}", features));
  return uffd;
}

int try_register_missing(const UniqueFd& uffd, char* at, std::size_t pages)
{
  struct uffdio_register request = {.range = range_of(at, pages),
                                    .mode = UFFDIO_REGISTER_MODE_MISSING};
  return ::ioctl(uffd.get(), UFFDIO_REGISTER, &request) < 0 ? errno : 0;
}

void register_missing(const UniqueFd& uffd, char* at, std::size_t pages)
{
  expect_errno("UFFDIO_REGISTER", 0, try_register_missing(uffd, at, pages));
}

void unregister(const UniqueFd& uffd, char* at, std::size_t pages)
{
  struct uffdio_range range = range_of(at, pages);
  expect_errno("UFFDIO_UNREGISTER", 0,
               ::ioctl(uffd.get(), UFFDIO_UNREGISTER, &range) < 0 ? errno : 0);
}

Moved uffd_move(const UniqueFd& uffd, char* to, char* from, std::size_t pages, std::uint64_t mode)
{
  UffdioMove request = {.dst = reinterpret_cast<std::uint64_t>(to),
                        .src = reinterpret_cast<std::uint64_t>(from),
                        .len = pages * page_size(),
                        .mode = mode,
                        .move = 0};
  const int error = ::ioctl(uffd.get(), kUffdioMove, &request) < 0 ? errno : 0;
  return {.error = error, .bytes = request.move};
}

}  // namespace rmaplab
