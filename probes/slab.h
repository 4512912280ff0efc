// SPDX-License-Identifier: GPL-2.0-only
// Slab use of the three caches of the anonymous rmap.
//
// The figures are of the whole system and count an object as used while it sits
// in a per-CPU slab or sheaf: shrink the caches before reading. Costs about
// 3 ms a read and empties the caches' per-CPU stock, so never in a timed pass.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

inline const std::vector<std::string> kRmapCaches = {"vm_area_struct", "anon_vma",
                                                     "anon_vma_chain"};

struct SlabUsage {
  std::string cache;
  std::uint64_t active_objects = 0;
  std::uint64_t total_objects = 0;
  std::uint64_t object_bytes = 0;
  bool operator==(const SlabUsage&) const = default;
};

// Pure. Text of /proc/slabinfo, format 2.1; anything else is Errc::parse. A
// missing cache is Errc::unsupported, never a zero.
Result<SlabUsage> parse_slabinfo(std::string_view text, const std::string& cache);
// One result for each of `caches`, all from one reading. Needs root (mode 0400) and
// SLUB_DEBUG. Errc::unsupported where a cache has no line of its own: merged with
// others of its size (boot with slab_nomerge), not there, or the file is not.
std::vector<Result<SlabUsage>> read_slab_usage(const std::string& proc_root,
                                               const std::string& sys_root,
                                               const std::vector<std::string>& caches);
// Gives a cache's per-CPU stock back. Root; a cache without a folder of its own
// is left alone.
void shrink_cache(const std::string& sys_root, const std::string& cache);

}  // namespace rmaplab
