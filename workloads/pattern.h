// SPDX-License-Identifier: GPL-2.0-only
// The data oracle: every page a workload writes says where, when and by whom it was
// written, so that a page that was lost, swapped with another or left stale by a move, a
// fork or a walk of the kernel's is found and named.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace rmaplab
{

struct Mark {
  std::uint32_t generation = 0;  // how often the page was written before, or the fork depth
  std::uint32_t writer = 0;      // 0: the first process; else a number of its own
  bool operator==(const Mark&) const = default;
};

// Writes three words to each page: its address, the mark, and at the page's end their
// exclusive or, so that a page copied by half is found. `address` is page-aligned.
void touch(char* address, std::size_t pages, Mark mark = {});

// The pages at `at` hold what touch(origin, pages, mark) wrote. Errc::mismatch names the
// first page that does not, what was expected and what was found. Reads only: faults
// nothing in that is there.
Result<> check_pages(const char* at, std::size_t pages, const char* origin, Mark mark = {});
inline Result<> check_pages(const char* at, std::size_t pages, Mark mark = {})
{
  return check_pages(at, pages, at, mark);
}

// The pages read as zeros: never written, or wiped (MADV_DONTNEED, MADV_WIPEONFORK).
Result<> check_zero_pages(const char* at, std::size_t pages);

}  // namespace rmaplab
