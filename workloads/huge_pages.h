// SPDX-License-Identifier: GPL-2.0-only
// Huge pages made on demand, for the few workloads that want them: all others run without
// (PR_SET_THP_DISABLE, session/case_run.cpp).
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace rmaplab
{

// While it lives this process may have huge pages, where it asks for them by name.
class HugePagesAllowed
{
 public:
  // Errc::unsupported where the process cannot be allowed them.
  static Result<HugePagesAllowed> create();
  HugePagesAllowed(HugePagesAllowed&& other) noexcept : owner_(other.owner_)
  {
    other.owner_ = false;
  }
  HugePagesAllowed& operator=(HugePagesAllowed&&) = delete;
  ~HugePagesAllowed();

 private:
  HugePagesAllowed() = default;
  bool owner_ = true;
};

// MADV_COLLAPSE (6.1) of one block of pmd_size(): 0, or -1 with errno. EAGAIN, where the kernel
// says that to try again may help (madvise_collapse_errno(): a page that another CPU has just now
// taken from its list, or locked), is tried again, eight times in all.
int collapse(char* block);
// What a refusal of it means.
Error collapse_error();
// Bytes that this process maps by huge pages (AnonHugePages of smaps_rollup).
Result<std::uint64_t> huge_bytes();

}  // namespace rmaplab
