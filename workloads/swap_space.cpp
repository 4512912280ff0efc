// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/swap_space.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "base/files.h"
#include "base/lab_guest.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

constexpr const char* kDriver = "brd";
constexpr const char* kDisk = "/dev/ram0";

// devtmpfs makes the disk's node before the call returns.
Result<> load_driver()
{
  const UniqueFd module(::open(kGuestRamDisk, O_RDONLY | O_CLOEXEC));
  if (!module)
    return Error{.code = Errc::unsupported,
                 .context =
                     "no swap: this kernel has no RAM disk built in, and its module brd was not "
                     "to be had (`rmaplab kernel fetch` says whether)"};
  const std::string parameters = fmt::format("rd_nr=1 rd_size={}", kSwapKib);
  if (::syscall(SYS_finit_module, module.get(), parameters.c_str(), 0) != 0)
    return os_error("load the RAM disk driver");
  return ok();
}

Result<> make_swap_area()
{
  const UniqueFd disk(::open(kDisk, O_RDWR | O_CLOEXEC));
  if (!disk)
    return os_error(std::string("open ") + kDisk);
  std::uint64_t bytes = 0;
  if (::ioctl(disk.get(), BLKGETSIZE64, &bytes) != 0)
    return os_error(std::string("size of ") + kDisk);
  const auto header = swap_header(bytes, page_size());
  if (!header)
    return header.error();
  if (::pwrite(disk.get(), header->data(), header->size(), 0) !=
          static_cast<ssize_t>(header->size()) ||
      ::fsync(disk.get()) != 0)
    return os_error(std::string("write the swap header to ") + kDisk);
  return ok();
}

}  // namespace

std::uint64_t parse_swap_free_kib(std::string_view meminfo)
{
  for (const auto line : lines_of(meminfo))
    if (const auto words = split_blanks(line); words.size() > 1 && words[0] == "SwapFree:")
      return parse_u64(words[1]).value_or(0);
  return 0;
}

std::uint64_t swap_free_kib()
{
  const auto meminfo = read_file("/proc/meminfo");
  return meminfo ? parse_swap_free_kib(*meminfo) : 0;
}

Result<std::string> swap_header(std::uint64_t bytes, std::size_t page_bytes)
{
  constexpr std::string_view kMagic = "SWAPSPACE2";
  constexpr std::size_t kBootbits = 1024;
  const std::uint64_t pages = bytes / page_bytes;
  if (pages < 10)
    return Error{.code = Errc::usage,
                 .context = fmt::format("a swap area of {} pages is too small", pages)};
  const std::uint32_t version = 1;
  const auto last_page = static_cast<std::uint32_t>(pages - 1);
  std::string page(page_bytes, '\0');
  const auto put = [&page](std::size_t at, std::uint32_t value) {
    char bytes_of_it[sizeof value];
    std::memcpy(bytes_of_it, &value, sizeof value);
    page.replace(at, sizeof value, bytes_of_it, sizeof value);
  };
  put(kBootbits, version);
  put(kBootbits + sizeof version, last_page);
  page.replace(page_bytes - kMagic.size(), kMagic.size(), kMagic);
  return page;
}

Result<SwapSpace> SwapSpace::enable()
{
  SwapSpace swap;
  if (swap_free_kib() > 0)
    return swap;
  if (!in_lab_guest())
    return Error{.code = Errc::unsupported,
                 .context = "no swap is active; rmaplab does not switch any on outside the lab"};
  if (::access(kDisk, F_OK) != 0) {
    if (auto loaded = load_driver(); !loaded)
      return loaded.error();
    swap.loaded_ = true;
  }
  if (auto made = make_swap_area(); !made)
    return made.error();
  if (::swapon(kDisk, 0) != 0)
    return os_error(std::string("swapon ") + kDisk);
  swap.on_ = true;
  return swap;
}

SwapSpace::SwapSpace(SwapSpace&& other) noexcept
    : on_(std::exchange(other.on_, false)), loaded_(std::exchange(other.loaded_, false))
{
}

SwapSpace::~SwapSpace()
{
  if (on_)
    ::swapoff(kDisk);
  if (loaded_)
    ::syscall(SYS_delete_module, kDriver, O_NONBLOCK);
}

}  // namespace rmaplab
