// SPDX-License-Identifier: GPL-2.0-only
// Swap for as long as a workload needs it, so that anonymous pages can be paged out; other
// workloads never see a kernel that has some.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

// What swap is switched on in a guest has at most.
inline constexpr std::uint64_t kSwapKib = 256 << 10;

// Sole owner of the swap that it switched on; owns none where some was active already. A
// process that is killed leaves it on until its guest ends.
class SwapSpace
{
 public:
  // Active swap with space left, whosever; in a guest of the lab a RAM disk, else. Needs
  // CAP_SYS_ADMIN and CAP_SYS_MODULE there. Errc::unsupported says why there is none.
  static Result<SwapSpace> enable();
  SwapSpace(SwapSpace&& other) noexcept;
  SwapSpace& operator=(SwapSpace&&) = delete;
  // Brings every page back in.
  ~SwapSpace();

 private:
  SwapSpace() = default;
  bool on_ = false;      // we switched it on
  bool loaded_ = false;  // we loaded its driver
};

// Pure. SwapFree of /proc/meminfo, in KiB; 0 where the kernel has no such line.
std::uint64_t parse_swap_free_kib(std::string_view meminfo);
std::uint64_t swap_free_kib();  // of this machine, now

// Pure. The first page of a swap area of `bytes` (union swap_header of linux/swap.h, version
// 1); Errc::usage for less than the ten pages that mkswap(8) asks for.
Result<std::string> swap_header(std::uint64_t bytes, std::size_t page_bytes);

}  // namespace rmaplab
