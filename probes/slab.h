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
#include "probes/capability.h"

namespace rmaplab
{

inline const std::vector<std::string> kRmapCaches = {"vm_area_struct", "anon_vma",
                                                     "anon_vma_chain"};

struct SlabUsage {
  std::string cache;
  std::uint64_t active_objects = 0;
  std::uint64_t total_objects = 0;
  std::uint64_t object_bytes = 0;  // with alignment and red zones: what an object takes up
  std::uint64_t slabs = 0;         // empty ones too
  std::uint64_t pages_per_slab = 0;
  std::uint64_t active_bytes() const { return active_objects * object_bytes; }
  // What the cache holds of the machine: also free objects and the rest of each slab.
  std::uint64_t slab_bytes(std::uint64_t page_bytes) const
  {
    return slabs * pages_per_slab * page_bytes;
  }
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
// The same of kRmapCaches of this machine, when what was freed just now has settled: RCU
// callbacks run, caches shrunk. Takes 50 ms.
std::vector<Result<SlabUsage>> read_settled_slab_usage();
// Caches that share all their slabs with this one, by name; none when it stands alone.
// SLUB shows each of a merged cache's names as a link to one folder whose name begins
// with ':' (mm/slub.c, create_unique_id()). The first of them is the line in slabinfo.
// Errc::unsupported when there is no such entry.
Result<std::vector<std::string>> merged_with(const std::string& sys_root, const std::string& cache);
// Of one cache, by reading its line and opening its shrink file; nothing is shrunk.
Capability slab_capability(const std::string& proc_root, const std::string& sys_root,
                           const std::string& cache);
// Gives a cache's per-CPU stock back. Root; a cache without a folder of its own
// is left alone.
void shrink_cache(const std::string& sys_root, const std::string& cache);

}  // namespace rmaplab
