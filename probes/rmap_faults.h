// SPDX-License-Identifier: GPL-2.0-only
// Whether the reverse mapping of processes at rest can be right: what must hold between the
// VMAs, their anon_vmas and the pages that are mapped. Pure: the forest comes from
// probes/forest_reader.h, the pages from probes/anon_pages.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "probes/forest.h"

namespace rmaplab
{

// Anonymous pages mapped in a VMA, by process and the VMA's begin; a VMA that is not named has
// none, as far as anybody looked.
using PagesOfVmas = std::map<std::pair<pid_t, std::uint64_t>, std::uint64_t>;

// VMAs whose pages must be known: those that may have pages and have no anon_vma.
std::vector<std::pair<pid_t, AddressRange>> vmas_without_anon_vma(const Forest& forest);

// A line for each fault, which names process, VMA and reason:
// - a VMA with anonymous pages has an anon_vma, or no walk from such a page ends at it (Linux
//   commit 61f67c230a5e "mm/vma: fix anon_vma UAF on mremap() faulted, unfaulted merge");
// - one with an anon_vma has it in its chain, one without has no chain;
// - all of a chain have one root, whose lock a walk takes;
// - as many VMAs as have an anon_vma are counted by it (num_active_vmas), or a fork gives it
//   away while it is in use (2555283eb40d "mm/rmap: Fix anon_vma->degree ambiguity leading to
//   double-reuse"). More may be counted: not all processes need be in the forest;
// - a fork child's copy of a VMA is linked to all that its parent's is linked to, or pages
//   that both map are found in one only.
std::vector<std::string> faults_of(const Forest& forest, const PagesOfVmas& pages);

}  // namespace rmaplab
