// SPDX-License-Identifier: GPL-2.0-only
// What the files of single workloads share: the declarations of their rows and
// the few steps that most of them begin with.
#pragma once

#include <unistd.h>

#include "workloads/arena.h"
#include "workloads/pattern.h"
#include "workloads/processes.h"
#include "workloads/workload.h"

namespace rmaplab
{

extern const Workload branched_reuse;
extern const Workload child_split;
extern const Workload contend_rw;
extern const Workload contend_ww;
extern const Workload fault_islands;
extern const Workload fault_shared;
extern const Workload fork_after_merge;
extern const Workload fork_chain_alive;
extern const Workload fork_chain_exit;
extern const Workload fork_flat;
extern const Workload fork_pinned;
extern const Workload fork_siblings;
extern const Workload fork_skip;
extern const Workload fork_tree;
extern const Workload gap_fill;
extern const Workload grow;
extern const Workload ksm_readers;
extern const Workload ksm_walk;
extern const Workload map_anywhere;
extern const Workload map_limit;
extern const Workload merge_next;
extern const Workload mprotect_merge;
extern const Workload mremap_beside;
extern const Workload mremap_child;
extern const Workload mremap_dontunmap;
extern const Workload mremap_home;
extern const Workload mremap_life;
extern const Workload mremap_limit;
extern const Workload mremap_move;
extern const Workload mremap_scramble;
extern const Workload mremap_source;
extern const Workload mremap_unfaulted;
extern const Workload null_workload;
extern const Workload numa_hint;
extern const Workload page_idle;
extern const Workload prepare_race;
extern const Workload private_memfd;
extern const Workload punch;
extern const Workload remerge;
extern const Workload split_faulted;
extern const Workload split_unfaulted;
extern const Workload stack_grow;
extern const Workload teardown;
extern const Workload test_corrupt;
extern const Workload test_crash;
extern const Workload test_hang;
extern const Workload test_leak;
extern const Workload test_setting;
extern const Workload test_stays;
extern const Workload test_unfreed;
extern const Workload test_warn;
extern const Workload thp_split;
extern const Workload uffd_move;
extern const Workload vma_life;
extern const Workload walk_collapse;
extern const Workload walk_migrate;
extern const Workload walk_readers;
extern const Workload walk_reclaim;

// What most workloads need before their loop.
struct Stage {
  Arena arena;
  Meeting meeting;
  static Result<Stage> create()
  {
    auto arena = Arena::create();
    if (!arena)
      return arena.error();
    auto meeting = Meeting::create();
    if (!meeting)
      return meeting.error();
    return Stage{.arena = *std::move(arena), .meeting = *std::move(meeting)};
  }
};

// Times fork+exit+wait of a child that does nothing (fork_loop.cpp).
void time_forks(benchmark::State& state, Meter& meter);
// Forks a child that stays until it and we have been observed.
void observe_child(benchmark::State& state, Meter& meter, Meeting& meeting);

// The data oracle of fork: a child finds what its parent wrote, writes its own and finds
// that; the parent's stays.
Result<> check_cow(const Arena& arena, std::size_t islands);

// What split_faulted measures and remerge starts from: 2K pages of the arena from `page` on
// become 2K VMAs.
Result<> split_alternate(const Arena& arena, std::size_t splits, std::size_t page = 0);

// Workload::freed_elsewhere of pages merged by KSM (ksm_rmap_item holds a reference).
inline constexpr std::string_view kKsmdHolds =
    "ksmd holds the anon_vma of a merged page and frees it in its own context";

// What a forked process takes beside what the workload touches: page tables, kernel stack,
// the pages of the program it writes to. For Workload::memory_pages.
inline constexpr std::int64_t kProcessPages = 128;

inline std::size_t range_of(const benchmark::State& state, std::size_t i)
{
  return static_cast<std::size_t>(state.range(i));
}

}  // namespace rmaplab
