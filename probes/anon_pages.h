// SPDX-License-Identifier: GPL-2.0-only
// Anonymous pages of other processes: which there are, by /proc/PID/pagemap and
// /proc/kpageflags (Documentation/admin-guide/mm/pagemap.rst), and whether a walk of the
// reverse mapping finds them, by move_pages(2). Independent of BPF and BTF. Root: page frame
// numbers are shown to CAP_SYS_ADMIN only.
//
// Cost: a page 8 bytes of two files; a walk sends the page to another node and back.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "probes/vma_count.h"

namespace rmaplab
{

// What an entry of pagemap says; pure.
enum class PageKind {
  none,       // nothing, a file's page, a marker
  anonymous,  // present, and no file's: the zero page too, which kpageflags tells
  swapped,    // in a swap file
};
PageKind page_kind(std::uint64_t pagemap_entry);
// What a word of kpageflags says of such a page; pure.
bool is_anonymous(std::uint64_t kpageflags);  // not the zero page
// Nor hugetlb's, nor, of a process that `may_have_ksm`, KSM's. Some kernels say KSM of every
// anonymous page (seen: 6.18.9), so that the process is asked too whether it has any.
bool is_walkable(std::uint64_t kpageflags, bool may_have_ksm);

class AnonPages
{
 public:
  // Errc::unsupported without CONFIG_PROC_PAGE_MONITOR, or without CAP_SYS_ADMIN.
  static Result<AnonPages> open(pid_t pid);
  // Pages, swapped ones too. Reads at most `most` pages of the range and lowers `most` by
  // what it read.
  Result<std::uint64_t> count(AddressRange range, std::uint64_t& most) const;
  // Addresses of at most `most` present ones that a walk must find, from the range's begin.
  Result<std::vector<std::uint64_t>> walkable(AddressRange range, std::size_t most) const;

 private:
  AnonPages(UniqueFd pagemap, UniqueFd flags, bool may_have_ksm)
      : pagemap_(std::move(pagemap)), flags_(std::move(flags)), may_have_ksm_(may_have_ksm)
  {
  }
  Result<> entries(std::uint64_t begin, std::span<std::uint64_t> entries) const;
  Result<std::uint64_t> flags_of(std::uint64_t pagemap_entry) const;
  UniqueFd pagemap_;
  UniqueFd flags_;
  bool may_have_ksm_;
};

struct Walked {
  std::uint64_t found = 0;               // pages that went to another node and came back
  std::uint64_t not_tried = 0;           // gone meanwhile, or no memory for them elsewhere
  std::vector<std::uint64_t> not_found;  // addresses of those that stayed where they are
};
// Each page of `addresses` of the process, for which all that map it must be found. Errc::
// unsupported with one node. The process is at rest and no page of it is pinned. It says
// mismatch by `not_found`, after several tries: a page may be held for a moment.
Result<Walked> walk_pages(pid_t pid, const std::vector<std::uint64_t>& addresses);

}  // namespace rmaplab
