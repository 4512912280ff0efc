// SPDX-License-Identifier: GPL-2.0-only
// What walks of the reverse mapping are asked for by checks that have many pages, shared ones
// among them, at many places, and what page tables say of them. (reach.h is for one range that
// one process maps.)
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace rmaplab
{

// An entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
struct PageEntry {
  bool present = false;
  bool swapped = false;         // or under migration
  bool file_or_shared = false;  // not private and anonymous
  bool exclusive = false;       // mapped once; the zero page never is
  std::uint64_t frame = 0;      // 0 without CAP_SYS_ADMIN
};
// Pure.
PageEntry page_entry(std::uint64_t bits);
// Of `pages` pages of a process; 0: this one. Ends the check when they cannot be read.
std::vector<PageEntry> page_entries(const char* at, std::size_t pages, pid_t pid = 0);

struct PageRange {
  char* at = nullptr;
  std::size_t pages = 0;
};
// Names the place of a page in what a check says.
using PageName = std::function<std::string(const char*)>;

// MADV_PAGEOUT of the ranges of this process until all their pages that are present, private,
// anonymous and mapped once are out; not ok names one that stays. Others it passes over. Needs
// swap.
void page_out_own(const std::vector<PageRange>& ranges, const PageName& name);

// Sends each page of the process that is present and anonymous to another node, in one call, and
// looks that it is there; not ok names one that stays. Pages that others map too only with
// CAP_SYS_NICE. A skip with one node only.
void send_away(const std::vector<char*>& pages, const PageName& name, pid_t pid = 0);

// One call for pages of this process, whatever becomes of each: for a thread that races.
void send_once(const std::vector<char*>& pages, int node);

}  // namespace rmaplab
