// SPDX-License-Identifier: GPL-2.0-only
// Whether the reverse mapping still finds where a page is mapped: it is sent to another
// node, or to swap, which the kernel can do only when a walk from the page finds every page
// table entry of it. An anon_vma, an index or an edge that is wrong leaves the page where
// it is.
//
// Both check that the content is the same afterwards. Pages that hold still for another
// reason count as a mismatch too: pinned ones (io_uring buffers, RDMA), or those that a
// cgroup's memory.swap.max keeps in.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace rmaplab
{

// Moves each page to another node and back, with move_pages(2): rmap_walk() twice a move,
// for try_to_migrate() and remove_migration_ptes(). The pages must be present, private
// anonymous and readable. Those that other processes map too need CAP_SYS_NICE
// (MPOL_MF_MOVE_ALL), all others no privilege.
// Errc::unsupported with one node, Errc::usage for a page that is not present, or shared and
// not ours to move, Errc::mismatch for one that stays.
Result<> migrate_there_and_back(char* at, std::size_t pages);

// Pages out with MADV_PAGEOUT (5.4), sees in /proc/self/pagemap that every entry is a swap
// entry, and reads all of it back in: try_to_unmap(). The pages must be present, private
// anonymous, readable, not locked, and mapped by this process alone: those with more than
// one mapping MADV_PAGEOUT passes over. No privilege. Needs active swap: hold a SwapSpace.
// Errc::unsupported without swap, Errc::usage for other pages, Errc::mismatch for one that
// stays or comes back with another content.
Result<> page_out_and_in(char* at, std::size_t pages);

}  // namespace rmaplab
