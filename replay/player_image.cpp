// SPDX-License-Identifier: GPL-2.0-only
#include "replay/player_image.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U  // since 6.3; without it the kernel log has a line
#endif

asm(".pushsection .rodata\n"
    ".balign 8\n"
    ".globl rmaplab_player_begin, rmaplab_player_end\n"
    ".hidden rmaplab_player_begin, rmaplab_player_end\n"
    "rmaplab_player_begin:\n"
    ".incbin \"" RMAPLAB_PLAYER
    "\"\n"
    "rmaplab_player_end:\n"
    ".popsection\n");
extern "C" const unsigned char rmaplab_player_begin[], rmaplab_player_end[];

namespace rmaplab
{

std::span<const unsigned char> player_image()
{
  return {rmaplab_player_begin, rmaplab_player_end};
}

Result<UniqueFd> make_player_program()
{
  int fd = ::memfd_create("rmaplab-player", MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL)
    fd = ::memfd_create("rmaplab-player", MFD_CLOEXEC);
  UniqueFd writable(fd);
  if (!writable) {
    Error error = os_error("a program in memory (vm.memfd_noexec)");
    error.code = error.sys_errno == EACCES ? Errc::unsupported : Errc::os;
    return error;
  }
  const auto image = player_image();
  if (::write(writable.get(), image.data(), image.size()) != static_cast<ssize_t>(image.size()))
    return os_error("write a program in memory");
  // Again, for reading: what is open for writing is busy (ETXTBSY).
  UniqueFd program(
      ::open(fmt::format("/proc/self/fd/{}", writable.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!program)
    return os_error("open a program in memory");
  return program;
}

}  // namespace rmaplab
