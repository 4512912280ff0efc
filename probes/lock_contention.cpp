// SPDX-License-Identifier: GPL-2.0-only
#include "probes/lock_contention.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <unordered_map>

namespace rmaplab
{

namespace
{

// include/trace/events/lock.h
enum ContentionFlag : std::uint32_t {
  LCB_F_SPIN = 1 << 0,
  LCB_F_READ = 1 << 1,
  LCB_F_WRITE = 1 << 2,
  LCB_F_RT = 1 << 3,
  LCB_F_PERCPU = 1 << 4,
  LCB_F_MUTEX = 1 << 5,
};

struct Site {
  std::string_view function;
  LockClass lock_class;
};

// Functions that take rwsems of one sort only.
constexpr Site kRwsemSites[] = {
    {"anon_vma_clone", LockClass::anon_vma},
    {"anon_vma_fork", LockClass::anon_vma},
    {"unlink_anon_vmas", LockClass::anon_vma},
    {"__anon_vma_prepare", LockClass::anon_vma},
    {"__put_anon_vma", LockClass::anon_vma},
    {"anon_vma_free", LockClass::anon_vma},
    {"folio_lock_anon_vma_read", LockClass::anon_vma},
    {"page_lock_anon_vma_read", LockClass::anon_vma},
    {"rmap_walk_anon", LockClass::anon_vma},
    {"rmap_walk_anon_lock", LockClass::anon_vma},
    {"rmap_walk_ksm", LockClass::anon_vma},
    {"unlink_file_vma", LockClass::i_mmap},
    {"unlink_file_vma_batch_process", LockClass::i_mmap},
    {"unlink_file_vma_batch_final", LockClass::i_mmap},
    {"unlink_file_vma_batch_add", LockClass::i_mmap},
    {"vma_link_file", LockClass::i_mmap},
    {"__rmap_walk_file", LockClass::i_mmap},
    {"rmap_walk_file", LockClass::i_mmap},
    {"unmap_mapping_pages", LockClass::i_mmap},
    {"unmap_mapping_folio", LockClass::i_mmap},
    {"unmap_mapping_range", LockClass::i_mmap},
    {"vm_mmap_pgoff", LockClass::mmap_lock},
    {"__vm_munmap", LockClass::mmap_lock},
    {"do_mprotect_pkey", LockClass::mmap_lock},
    {"do_madvise", LockClass::mmap_lock},
    {"madvise_lock", LockClass::mmap_lock},
    {"exit_mm", LockClass::mmap_lock},
    {"exit_mmap", LockClass::mmap_lock},
    {"lock_mm_and_find_vma", LockClass::mmap_lock},
    {"do_user_addr_fault", LockClass::mmap_lock},
    {"__mm_populate", LockClass::mmap_lock},
    {"mmap_read_lock", LockClass::mmap_lock},
    {"mmap_read_lock_killable", LockClass::mmap_lock},
    {"mmap_write_lock", LockClass::mmap_lock},
    {"mmap_write_lock_killable", LockClass::mmap_lock},
};

// Functions whose only spinlocks are those of page tables, mm->page_table_lock included.
constexpr Site kSpinSites[] = {
    {"__pte_offset_map_lock", LockClass::page_table},
    {"pte_offset_map_lock", LockClass::page_table},
    {"pte_offset_map_rw_nolock", LockClass::page_table},
    {"__pmd_trans_huge_lock", LockClass::page_table},
    {"__anon_vma_prepare", LockClass::page_table},
    {"copy_page_range", LockClass::page_table},
    {"copy_pte_range", LockClass::page_table},
    {"zap_pte_range", LockClass::page_table},
    {"unmap_page_range", LockClass::page_table},
    {"change_pte_range", LockClass::page_table},
    {"change_protection", LockClass::page_table},
    {"move_page_tables", LockClass::page_table},
    {"move_ptes", LockClass::page_table},
    {"wp_page_copy", LockClass::page_table},
    {"do_wp_page", LockClass::page_table},
    {"do_anonymous_page", LockClass::page_table},
    {"finish_fault", LockClass::page_table},
    {"pmd_install", LockClass::page_table},
    {"__pte_alloc", LockClass::page_table},
    {"__pmd_alloc", LockClass::page_table},
    {"page_vma_mapped_walk", LockClass::page_table},
};

// Beginnings of the names of functions inside a lock, and of the event itself: the
// first function that is none of them took the lock.
constexpr std::string_view kRwsemInside[] = {"rwsem_",   "down_read",       "down_write", "up_read",
                                             "up_write", "downgrade_write", "rwbase_"};
constexpr std::string_view kLockInside[] = {
    "trace_contention_",
    "__traceiter_contention_",
    "perf_trace_",
    "native_queued_spin_lock",
    "__pv_queued_spin_",
    "pv_queued_spin_",
    "queued_",
    "do_raw_",
    "_raw_spin_",
    "_raw_read_",
    "_raw_write_",
    "__raw_",
    "_raw_",
    "raw_spin_",
    "mutex_",
    "__mutex_",
    "ww_mutex_",
    "__ww_mutex_",
    "rt_mutex_",
    "__rt_mutex_",
    "rtlock_",
    "rt_spin_",
    "__rt_spin_",
    "percpu_down_",
    "__percpu_",
    "percpu_up_",
    "percpu_rwsem_",
    "__down",
    "down_interruptible",
    "down_killable",
    "down_timeout",
};

bool begins_with_one_of(std::string_view name, std::span<const std::string_view> beginnings)
{
  return std::ranges::any_of(beginnings, [&](std::string_view b) { return name.starts_with(b); });
}

struct CallSite {
  std::span<const std::string> callers;  // from the one that took the lock outwards
  bool through_rwsem = false;
};

CallSite call_site(const CallChain& chain)
{
  CallSite site;
  std::size_t inner = 0;
  for (; inner < chain.size(); ++inner) {
    if (begins_with_one_of(chain[inner], kRwsemInside))
      site.through_rwsem = true;
    else if (chain[inner] != "down" && !begins_with_one_of(chain[inner], kLockInside))
      break;
  }
  site.callers = std::span(chain).subspan(inner);
  return site;
}

// An rwsem's spinning waits are those for its inner wait_lock.
bool is_rwsem(LockKind kind, const CallSite& site)
{
  return kind == LockKind::read || kind == LockKind::write ||
         (kind == LockKind::spin && site.through_rwsem);
}

// Class by the function alone; `other` where that tells nothing.
LockClass class_by_function(LockKind kind, const CallSite& site)
{
  if (site.callers.empty() || kind == LockKind::mutex || kind == LockKind::other)
    return LockClass::other;
  const std::span<const Site> table =
      is_rwsem(kind, site) ? std::span<const Site>(kRwsemSites) : std::span<const Site>(kSpinSites);
  const auto found = std::ranges::find(table, site.callers.front(), &Site::function);
  return found == table.end() ? LockClass::other : found->lock_class;
}

// Nearest rank; `sorted` is not empty.
std::uint64_t percentile_99(const std::vector<std::uint64_t>& sorted)
{
  return sorted[(sorted.size() * 99 + 99) / 100 - 1];
}

}  // namespace

std::string_view to_string(LockKind kind)
{
  switch (kind) {
    case LockKind::read:
      return "read";
    case LockKind::write:
      return "write";
    case LockKind::spin:
      return "spin";
    case LockKind::mutex:
      return "mutex";
    case LockKind::other:
      return "other";
  }
  return "?";
}

std::string_view to_string(LockClass lock_class)
{
  switch (lock_class) {
    case LockClass::anon_vma:
      return "anon_vma";
    case LockClass::i_mmap:
      return "i_mmap";
    case LockClass::mmap_lock:
      return "mmap_lock";
    case LockClass::page_table:
      return "page_table";
    case LockClass::other:
      return "other";
  }
  return "?";
}

LockKind kind_of_flags(std::uint32_t flags)
{
  if (flags & LCB_F_PERCPU)
    return LockKind::other;
  if (flags & LCB_F_MUTEX)
    return LockKind::mutex;
  if (flags & LCB_F_SPIN)
    return LockKind::spin;
  if (flags & LCB_F_READ)
    return LockKind::read;
  if (flags & LCB_F_WRITE)
    return LockKind::write;
  return flags & LCB_F_RT ? LockKind::mutex : LockKind::other;
}

void WaitPairer::add(const ContentionEvent& event)
{
  // Idle tasks share number 0 and stay on their CPUs.
  constexpr std::uint64_t kIdle = std::uint64_t{1} << 32;
  const std::uint64_t task = event.tid != 0 ? event.tid : kIdle | event.cpu;
  auto& open = open_[task];
  const auto same = std::ranges::find(open, event.lock, &Open::lock);
  if (event.type == ContentionEvent::Type::begin) {
    ++counts_.begins;
    const LockKind kind = kind_of_flags(event.flags);
    if (same != open.end() && kind == LockKind::mutex) {
      // __mutex_lock_common() has a begin for each turn of spinning and each sleep, and
      // one end.
      ++counts_.continued;
      return;
    }
    if (same != open.end()) {
      ++counts_.unmatched_begins;
      open.erase(same);
    }
    open.push_back(
        {.lock = event.lock, .since_ns = event.time_ns, .chain = event.chain, .kind = kind});
    return;
  }
  ++counts_.ends;
  if (same == open.end()) {
    ++counts_.unmatched_ends;
    if (open.empty())
      open_.erase(task);
    return;
  }
  waits_.push_back({.lock = event.lock,
                    .ns = event.time_ns - same->since_ns,
                    .chain = same->chain,
                    .kind = same->kind});
  open.erase(same);
  if (open.empty())
    open_.erase(task);
}

PairCounts WaitPairer::counts() const
{
  PairCounts counts = counts_;
  for (const auto& [task, open] : open_)
    counts.unmatched_begins += open.size();
  return counts;
}

std::string caller_text(const CallChain& chain)
{
  constexpr std::size_t kShown = 3;
  const auto callers = call_site(chain).callers;
  std::string text;
  for (const auto& name : callers.first(std::min(callers.size(), kShown)))
    text += (text.empty() ? "" : " < ") + name;
  return text.empty() ? "unknown" : text;
}

std::vector<ContentionRow> contention_rows(std::span<const LockWait> waits,
                                           std::span<const CallChain> chains)
{
  std::vector<CallSite> sites;
  std::vector<std::string> callers;
  for (const CallChain& chain : chains) {
    sites.push_back(call_site(chain));
    callers.push_back(caller_text(chain));
  }
  std::unordered_map<std::uint64_t, LockClass> taught;  // by address
  for (const LockWait& wait : waits) {
    const LockClass by_function = class_by_function(wait.kind, sites[wait.chain]);
    if (by_function == LockClass::other)
      continue;
    const auto [known, fresh] = taught.try_emplace(wait.lock, by_function);
    if (!fresh && known->second != by_function)
      known->second = LockClass::other;
  }

  using Key = std::tuple<LockKind, LockClass, std::string_view>;
  std::map<Key, std::vector<std::uint64_t>> durations;
  for (const LockWait& wait : waits) {
    LockClass lock_class = class_by_function(wait.kind, sites[wait.chain]);
    if (lock_class == LockClass::other)
      if (const auto known = taught.find(wait.lock); known != taught.end())
        lock_class = known->second;
    durations[{wait.kind, lock_class, callers[wait.chain]}].push_back(wait.ns);
  }
  std::vector<ContentionRow> rows;
  for (auto& [key, ns] : durations) {
    std::ranges::sort(ns);
    ContentionRow row{.kind = std::get<0>(key),
                      .lock_class = std::get<1>(key),
                      .caller = std::string(std::get<2>(key)),
                      .waits = ns.size(),
                      .p99_ns = percentile_99(ns),
                      .max_ns = ns.back()};
    for (const std::uint64_t one : ns) {
      row.total_ns += one;
      ++row.histogram[static_cast<std::size_t>(std::bit_width(one))];
    }
    rows.push_back(std::move(row));
  }
  std::ranges::stable_sort(rows, std::ranges::greater{}, &ContentionRow::total_ns);
  return rows;
}

}  // namespace rmaplab
