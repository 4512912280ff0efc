// SPDX-License-Identifier: GPL-2.0-only
#include "replay/vma_model.h"

#include <linux/prctl.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <vector>

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

namespace rmaplab
{

namespace
{

// Not in the headers of Debian 12.
constexpr std::uint64_t kPrSetMemoryMerge = 67;   // Linux 6.4
constexpr std::uint64_t kMadvPopulateWrite = 23;  // Linux 5.14
constexpr std::uint64_t kMadvGuardInstall = 102;  // Linux 6.13
constexpr std::uint64_t kHugePage = 2 << 20;
// A stack grows to its limit, which the trace does not know: as in AddressSpace.
constexpr std::uint64_t kStackLimit = 8 << 20;

constexpr std::uint64_t kLocks = bit(VmaFlag::locked) | bit(VmaFlag::lock_on_fault);

bool is_private_anonymous(const VmaLook& vma)
{
  return vma.file == 0 && !(vma.flags & bit(VmaFlag::shared));
}

// vma_is_ksm_compatible() of mm/ksm.c, as far as a trace tells.
bool may_be_mergeable(const VmaLook& vma)
{
  return !(vma.flags & (bit(VmaFlag::shared) | bit(VmaFlag::dont_expand) | bit(VmaFlag::huge_tlb) |
                        bit(VmaFlag::droppable)));
}

// MAP_* into VM_*, as mmap() and calc_vm_flag_bits() do.
std::uint64_t flags_of(std::uint64_t map, std::uint32_t prot)
{
  const std::uint64_t type = map & MAP_TYPE;
  const bool shared = type == MAP_SHARED || type == MAP_SHARED_VALIDATE;
  std::uint64_t flags = shared ? bit(VmaFlag::shared) : 0;
  if (type == MAP_DROPPABLE)
    flags |= bit(VmaFlag::droppable) | bit(VmaFlag::no_reserve) | bit(VmaFlag::wipe_on_fork) |
             bit(VmaFlag::dont_dump);
  if (map & MAP_GROWSDOWN)
    flags |= bit(VmaFlag::grows_down);
  if (map & MAP_LOCKED)
    flags |= bit(VmaFlag::locked);
  if (map & MAP_NORESERVE)
    flags |= bit(VmaFlag::no_reserve);
  if (map & MAP_HUGETLB)
    flags |= bit(VmaFlag::huge_tlb) | bit(VmaFlag::dont_expand);
  if (map & MAP_STACK)  // since 6.7; nothing older is recorded on
    flags |= bit(VmaFlag::no_huge_page);
  // accountable_mapping() of mm/vma.h.
  if (!shared && prot & PROT_WRITE &&
      !(flags & (bit(VmaFlag::no_reserve) | bit(VmaFlag::huge_tlb))))
    flags |= bit(VmaFlag::account);
  return flags;
}

}  // namespace

// ---- places ----

VmaModel::At VmaModel::containing_or_next(std::uint64_t address)
{
  const auto next = vmas_.upper_bound(address);
  if (next != vmas_.begin() && std::prev(next)->second.end > address)
    return std::prev(next);
  return next;
}

VmaModel::At VmaModel::before(At at)
{
  if (at == vmas_.begin())
    return vmas_.end();
  const auto previous = std::prev(at);
  return previous->second.end == at->second.begin ? previous : vmas_.end();
}

VmaModel::At VmaModel::after(At at)
{
  const auto next = std::next(at);
  return next != vmas_.end() && next->second.begin == at->second.end ? next : vmas_.end();
}

VmaModel::At VmaModel::move_begin(At at, std::uint64_t to)
{
  auto node = vmas_.extract(at);
  // Modulo 2^64: also down, as a stack grows.
  node.mapped().page_offset += page_of(to) - page_of(node.mapped().begin);
  node.mapped().begin = to;
  node.key() = to;
  return vmas_.insert(std::move(node)).position;
}

VmaModel::At VmaModel::split(At at, std::uint64_t where)
{
  ModelVma upper = at->second;
  upper.page_offset += page_of(where) - page_of(upper.begin);
  upper.begin = where;
  upper.maker = maker_;
  at->second.end = where;
  ++made_;
  return vmas_.emplace_hint(std::next(at), where, upper);
}

void VmaModel::unmap(std::uint64_t begin, std::uint64_t end)
{
  if (begin >= end)
    return;
  auto at = containing_or_next(begin);
  while (at != vmas_.end() && at->second.begin < end) {
    if (at->second.begin < begin) {
      if (at->second.end > end)  // a hole in it
        split(at, end);
      at->second.end = begin;
      ++at;
    } else if (at->second.end > end) {
      move_begin(at, end);
      return;
    } else {
      at = vmas_.erase(at);
    }
  }
}

// ---- merging ----

// is_mergeable_anon_vma(): the target of the merge takes the source in.
bool VmaModel::takes(const ModelVma& target, const ModelVma& source, bool source_is_copy) const
{
  if (!target.anon_vma && source.anon_vma)
    // A copy that mremap() makes, or a VMA of the call's.
    return (source_is_copy || rules_.unfaulted_takes) && !source.inherited;
  if (target.anon_vma && !source.anon_vma)
    return !target.inherited;
  return target.anon_vma == source.anon_vma;
}

bool VmaModel::merges(const ModelVma& low, const ModelVma& high) const
{
  return differing_rules(low, high, rules_.page_size) == 0;
}

// dup_anon_vma()
void VmaModel::take_anon_vma(ModelVma& target, const ModelVma& source)
{
  if (target.anon_vma || !source.anon_vma)
    return;
  target.anon_vma = source.anon_vma;
  target.inherited = source.inherited;
}

// vma_merge_new_range(): a range where nothing is.
VmaModel::At VmaModel::insert(const ModelVma& vma, bool is_copy, bool with_next)
{
  const auto next_place = vmas_.lower_bound(vma.begin);
  At low = vmas_.end();
  if (next_place != vmas_.begin() && std::prev(next_place)->second.end == vma.begin)
    low = std::prev(next_place);
  At high = vmas_.end();
  if (with_next && next_place != vmas_.end() && next_place->second.begin == vma.end)
    high = next_place;
  const bool left =
      low != vmas_.end() && merges(low->second, vma) && takes(low->second, vma, is_copy);
  bool right =
      high != vmas_.end() && merges(vma, high->second) && takes(high->second, vma, is_copy);
  if (left && right && low->second.anon_vma && high->second.anon_vma &&
      low->second.anon_vma != high->second.anon_vma)
    right = false;
  if (left) {
    low->second.end = right ? high->second.end : vma.end;
    take_anon_vma(low->second, right ? high->second : static_cast<const ModelVma&>(vma));
    take_anon_vma(low->second, vma);
    if (right)
      vmas_.erase(high);
    return low;
  }
  if (right) {
    high = move_begin(high, vma.begin);
    take_anon_vma(high->second, vma);
    return high;
  }
  ++made_;
  const auto at = vmas_.emplace_hint(next_place, vma.begin, vma);
  at->second.maker = maker_;
  return at;
}

// vma_modify(), for the part of one VMA in [begin, end): merged with a neighbour, or split off.
void VmaModel::change_part(At at, std::uint64_t begin, std::uint64_t end, const ModelVma& wanted)
{
  ModelVma middle = wanted;
  middle.page_offset += page_of(begin) - page_of(middle.begin);
  middle.begin = begin;
  middle.end = end;
  const bool from_begin = at->second.begin == begin;
  const bool to_end = at->second.end == end;
  At low = from_begin ? before(at) : vmas_.end();
  At high = to_end ? after(at) : vmas_.end();
  const bool left =
      low != vmas_.end() && merges(low->second, middle) && takes(low->second, middle, false);
  bool right =
      high != vmas_.end() && merges(middle, high->second) && takes(high->second, middle, false);
  if (left && right && low->second.anon_vma && high->second.anon_vma &&
      low->second.anon_vma != high->second.anon_vma)
    right = false;
  if (left && right) {
    low->second.end = high->second.end;
    take_anon_vma(low->second, high->second.anon_vma ? high->second : middle);
    vmas_.erase(at);
    vmas_.erase(high);
    return;
  }
  if (left) {
    low->second.end = end;
    take_anon_vma(low->second, middle);
    if (to_end)
      vmas_.erase(at);
    else
      move_begin(at, end);
    return;
  }
  if (right) {
    if (from_begin)
      vmas_.erase(at);
    else
      at->second.end = begin;
    high = move_begin(high, begin);
    take_anon_vma(high->second, middle);
    return;
  }
  if (!from_begin)
    at = split(at, begin);
  if (!to_end)
    split(at, end);
  const std::uint32_t maker = at->second.maker;
  at->second = middle;
  at->second.maker = maker;
}

// `to_hole`: the call ends at the first address where nothing is; else it goes on behind.
template <typename Change>
void VmaModel::change(std::uint64_t begin, std::uint64_t end, bool to_hole, const Change& changed)
{
  for (std::uint64_t reached = begin; reached < end;) {
    auto at = containing_or_next(reached);
    if (at == vmas_.end() || at->second.begin >= end || (to_hole && at->second.begin > reached))
      return;
    const std::uint64_t from = std::max(reached, at->second.begin);
    reached = std::min(end, at->second.end);
    ModelVma wanted = at->second;
    changed(wanted);
    if (static_cast<const VmaLook&>(wanted) != static_cast<const VmaLook&>(at->second))
      change_part(at, from, reached, wanted);
  }
}

// ---- anon_vma ----

// find_mergeable_anon_vma(): that of a neighbour which would merge but for its protection.
void VmaModel::prepare(At at)
{
  ModelVma& vma = at->second;
  if (vma.anon_vma || !rules_.faults_known)
    return;
  constexpr unsigned kProtection = bit(ApartRule::protection) | bit(ApartRule::name);
  auto reusable = [&](const ModelVma& low, const ModelVma& high, const ModelVma& old) {
    return old.anon_vma && !old.inherited &&
           !(differing_rules(low, high, rules_.page_size) & ~kProtection);
  };
  const At high = after(at);
  const At low = before(at);
  if (high != vmas_.end() && reusable(vma, high->second, high->second))
    vma.anon_vma = high->second.anon_vma;
  else if (low != vmas_.end() && reusable(low->second, vma, low->second))
    vma.anon_vma = low->second.anon_vma;
  else
    vma.anon_vma = ++numbers_->anon_vma;
}

// populate_vma_page_range() writes where that is allowed, and makes no fault that is recorded.
void VmaModel::populate(std::uint64_t begin, std::uint64_t end)
{
  for (auto at = containing_or_next(begin); at != vmas_.end() && at->second.begin < end; ++at)
    if (at->second.prot & PROT_WRITE && !(at->second.flags & bit(VmaFlag::shared)))
      prepare(at);
}

void VmaModel::touch(const TraceRow& row)
{
  auto at = containing_or_next(row.address);
  if (at == vmas_.end())
    return;
  if (at->second.begin > row.address) {
    if (!(at->second.flags & bit(VmaFlag::grows_down)) ||
        at->second.end - row.address > kStackLimit)
      return;
    at = move_begin(at, row.address);
  }
  const ModelVma& vma = at->second;
  if (vma.flags & bit(VmaFlag::shared))
    return;
  if (row.event == TraceEvent::write) {
    if (vma.prot & PROT_WRITE)
      prepare(at);
    return;
  }
  // What is read is the zero page, without an anon_vma; a huge one takes it all the same
  // (do_huge_pmd_anonymous_page()).
  const std::uint64_t huge = row.address & ~(kHugePage - 1);
  if (vma.flags & bit(VmaFlag::huge_page) && vma.file == 0 && vma.prot & PROT_READ &&
      vma.begin <= huge && vma.end - huge >= kHugePage)
    prepare(at);
}

// ---- rows ----

void VmaModel::layout_row(const TraceRow& row)
{
  const std::uint64_t end = row.address + page_up(row.length);
  if (end <= row.address || (row.flags & kVmaSpecial && row.address >> 63)) {
    beyond_ += !(row.address >> 63);  // the gate VMA is in no mm
    return;
  }
  ModelVma vma;
  vma.begin = row.address;
  vma.end = end;
  vma.prot = row.prot;
  vma.flags = flags_of(row.flags & ~std::uint64_t{MAP_STACK}, row.prot);
  if (row.flags & kVmaSpecial)
    vma.flags |= bit(VmaFlag::dont_expand);
  vma.file = row.file;
  vma.page_offset = row.file ? row.offset / rules_.page_size : page_of(row.address);
  if (row.flags & kVmaHasAnonVma && rules_.faults_known)
    vma.anon_vma = ++numbers_->anon_vma;
  vma.maker = maker_;
  ++made_;
  unmap(vma.begin, vma.end);
  vmas_.emplace(vma.begin, vma);
}

void VmaModel::map_row(const TraceRow& row)
{
  if (row.result < 0)
    return;
  ModelVma vma;
  vma.begin = static_cast<std::uint64_t>(row.result);
  vma.end = vma.begin + page_up(row.length);
  vma.prot = row.prot;
  vma.flags = flags_of(row.flags, row.prot) | flags_to_come_;
  vma.file = row.file;
  if (!vma.file && vma.flags & bit(VmaFlag::shared))
    vma.file = ++numbers_->object;
  if (!may_be_mergeable(vma))
    vma.flags &= ~bit(VmaFlag::mergeable);
  vma.page_offset = vma.file ? row.offset / rules_.page_size : page_of(vma.begin);
  unmap(vma.begin, vma.end);
  insert(vma);
  if (vma.flags & bit(VmaFlag::lock_on_fault))
    return;
  if (vma.flags & bit(VmaFlag::locked) || row.flags & MAP_POPULATE)
    populate(vma.begin, vma.end);
}

void VmaModel::grow_in_place(std::uint64_t at, std::uint64_t old_end, std::uint64_t new_end)
{
  const auto found = containing_or_next(at);
  if (found == vmas_.end() || found->second.begin > at || found->second.end != old_end)
    return;
  ModelVma more = found->second;
  more.page_offset += page_of(old_end) - page_of(more.begin);
  more.begin = old_end;
  more.end = new_end;
  unmap(old_end, new_end);
  insert(more);  // into the VMA itself, and with what follows
}

void VmaModel::remap(const TraceRow& row)
{
  if (row.result < 0)
    return;
  const auto to = static_cast<std::uint64_t>(row.result);
  const std::uint64_t from = row.address;
  std::uint64_t old_size = page_up(row.length);
  const std::uint64_t new_size = page_up(row.new_length);
  const bool duplicate = old_size == 0;
  if (!duplicate && to == from) {
    if (new_size < old_size)
      unmap(from + new_size, from + old_size);
    else if (new_size > old_size)
      grow_in_place(from, from + old_size, from + new_size);
    return;
  }
  unmap(to, to + new_size);
  if (!duplicate && old_size > new_size) {
    unmap(from + new_size, from + old_size);
    old_size = new_size;
  }
  const std::uint64_t from_end = from + (duplicate ? new_size : old_size);
  std::vector<ModelVma> moved;
  for (auto at = containing_or_next(from); at != vmas_.end() && at->second.begin < from_end; ++at)
    moved.push_back(at->second);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const ModelVma& whole = moved[i];
    const std::uint64_t begin = std::max(from, whole.begin);
    const std::uint64_t end = std::min(from_end, whole.end);
    ModelVma copy = whole;
    copy.begin = to + (begin - from);
    copy.end = i + 1 == moved.size() ? to + new_size : to + (end - from);  // the last one grows
    // Memory that was never written has the offset of where it is.
    copy.page_offset = is_private_anonymous(whole) && !whole.anon_vma
                           ? page_of(copy.begin)
                           : whole.page_offset + page_of(begin) - page_of(whole.begin);
    insert(copy, true);
    if (duplicate)
      continue;
    if (!(row.flags & MREMAP_DONTUNMAP)) {
      unmap(begin, end);
      continue;
    }
    if (const auto left = containing_or_next(begin); left != vmas_.end()) {
      left->second.flags &= ~kLocks;
      if (left->second.begin == begin && left->second.end == end) {
        left->second.anon_vma = 0;
        left->second.inherited = false;
      }
    }
  }
}

void VmaModel::advise(const TraceRow& row)
{
  // Behind a hole it goes on, and says ENOMEM at its end.
  if (row.result != 0 && row.result != -ENOMEM)
    return;
  const std::uint64_t end = row.address + page_up(row.length);
  auto flag = [&](std::uint64_t on, std::uint64_t off) {
    change(row.address, end, false,
           [on, off](ModelVma& vma) { vma.flags = (vma.flags & ~off) | on; });
  };
  const std::uint64_t sequential = bit(VmaFlag::sequential);
  const std::uint64_t random = bit(VmaFlag::random);
  switch (row.flags) {
    case MADV_NORMAL:
      return flag(0, sequential | random);
    case MADV_SEQUENTIAL:
      return flag(sequential, random);
    case MADV_RANDOM:
      return flag(random, sequential);
    case MADV_DONTFORK:
      return flag(bit(VmaFlag::dont_fork), 0);
    case MADV_DOFORK:
      return flag(0, bit(VmaFlag::dont_fork));
    case MADV_WIPEONFORK:
      return flag(bit(VmaFlag::wipe_on_fork), 0);
    case MADV_KEEPONFORK:
      return flag(0, bit(VmaFlag::wipe_on_fork));
    case MADV_DONTDUMP:
      return flag(bit(VmaFlag::dont_dump), 0);
    case MADV_DODUMP:
      return flag(0, bit(VmaFlag::dont_dump));
    case MADV_HUGEPAGE:
      return flag(bit(VmaFlag::huge_page), bit(VmaFlag::no_huge_page));
    case MADV_NOHUGEPAGE:
      return flag(bit(VmaFlag::no_huge_page), bit(VmaFlag::huge_page));
    case MADV_MERGEABLE:
      return change(row.address, end, false, [](ModelVma& vma) {
        if (may_be_mergeable(vma))
          vma.flags |= bit(VmaFlag::mergeable);
      });
    case MADV_UNMERGEABLE:
      return flag(0, bit(VmaFlag::mergeable));
    case kMadvPopulateWrite:
      return populate(row.address, end);
    case kMadvGuardInstall:  // madvise_guard_install(): fork must copy its page tables
      for (auto at = containing_or_next(row.address); at != vmas_.end() && at->second.begin < end;
           ++at)
        if (!(at->second.flags & bit(VmaFlag::shared)))
          prepare(at);
      return;
    default:
      return;
  }
}

void VmaModel::set_break(std::uint64_t to)
{
  // Before the first brk() nothing tells where the heap began.
  if (break_ && page_up(to) > page_up(*break_)) {
    ModelVma heap;
    heap.begin = page_up(*break_);
    heap.end = page_up(to);
    heap.prot = PROT_READ | PROT_WRITE;
    heap.flags = bit(VmaFlag::account) | flags_to_come_;
    heap.page_offset = page_of(heap.begin);
    unmap(heap.begin, heap.end);
    insert(heap, false, false);  // do_brk_flags() looks at the VMA before only
    if (flags_to_come_ & bit(VmaFlag::locked))
      populate(heap.begin, heap.end);
  } else if (break_ && to < *break_) {
    unmap(page_up(to), page_up(*break_));
  }
  break_ = to;
}

void VmaModel::lock(const TraceRow& row)
{
  if (row.result != 0 && row.result != -ENOMEM)
    return;
  constexpr std::uint64_t kOnFault = 1;     // MLOCK_ONFAULT
  constexpr std::uint64_t kAllOnFault = 4;  // MCL_ONFAULT
  const bool all = row.event == TraceEvent::mlockall || row.event == TraceEvent::munlockall;
  const bool on = row.event != TraceEvent::munlock && row.event != TraceEvent::munlockall;
  const bool on_fault = (row.event == TraceEvent::mlock2 && row.flags & kOnFault) ||
                        (row.event == TraceEvent::mlockall && row.flags & kAllOnFault);
  const std::uint64_t flags =
      !on ? 0 : bit(VmaFlag::locked) | (on_fault ? bit(VmaFlag::lock_on_fault) : 0);
  if (all && row.result != 0)
    return;
  if (row.event == TraceEvent::munlockall)
    flags_to_come_ &= ~kLocks;
  if (row.event == TraceEvent::mlockall) {
    flags_to_come_ &= ~kLocks;
    if (row.flags & MCL_FUTURE)
      flags_to_come_ |= flags;
    if (!(row.flags & MCL_CURRENT))
      return;
  }
  const std::uint64_t begin = all ? 0 : row.address / rules_.page_size * rules_.page_size;
  const std::uint64_t end = all ? ~std::uint64_t{0} : page_up(row.address + row.length);
  // mlock_fixup() leaves alone what is special.
  change(begin, end, !all, [flags](ModelVma& vma) {
    if (!(vma.flags & (bit(VmaFlag::dont_expand) | bit(VmaFlag::huge_tlb))))
      vma.flags = (vma.flags & ~kLocks) | flags;
  });
  if (on && !on_fault)
    populate(begin, end);
}

void VmaModel::control(const TraceRow& row)
{
  if (row.flags == PR_SET_VMA && row.address == PR_SET_VMA_ANON_NAME) {
    if (row.result != 0 && row.result != -ENOMEM)
      return;
    // The trace does not say which name: all are one.
    change(row.length, row.length + page_up(row.new_length), false, [](ModelVma& vma) {
      if (vma.file == 0)
        vma.name = 1;
    });
    return;
  }
  if (row.flags != kPrSetMemoryMerge || row.result != 0)
    return;
  const std::uint64_t flag = bit(VmaFlag::mergeable);
  const bool on = row.address != 0;
  flags_to_come_ = on ? flags_to_come_ | flag : flags_to_come_ & ~flag;
  for (auto& [begin, vma] : vmas_)  // ksm_add_vmas() merges nothing
    if (may_be_mergeable(vma))
      vma.flags = on ? vma.flags | flag : vma.flags & ~flag;
}

std::uint64_t VmaModel::apply(const TraceRow& row, std::uint32_t maker)
{
  maker_ = maker;
  made_ = 0;
  const std::uint64_t end = row.address + page_up(row.length);
  switch (row.event) {
    case TraceEvent::vma:
      layout_row(row);
      break;
    case TraceEvent::mmap:
      map_row(row);
      break;
    case TraceEvent::munmap:
      if (row.result == 0)
        unmap(row.address, end);
      break;
    case TraceEvent::mremap:
      remap(row);
      break;
    case TraceEvent::brk:
      set_break(static_cast<std::uint64_t>(row.result));
      break;
    case TraceEvent::mprotect:
    case TraceEvent::pkey_mprotect:
      if (row.result != 0 && row.result != -ENOMEM)
        break;
      change(row.address, end, true, [&](ModelVma& vma) {
        // mprotect_fixup() of mm/mprotect.c: memory is accounted when it becomes writable, and
        // no more when it can no longer be written and never was.
        constexpr std::uint64_t kNever = bit(VmaFlag::account) | bit(VmaFlag::huge_tlb) |
                                         bit(VmaFlag::shared) | bit(VmaFlag::no_reserve);
        if (row.prot & PROT_WRITE) {
          if (!(vma.flags & kNever) && !(vma.prot & PROT_WRITE))
            vma.flags |= bit(VmaFlag::account);
        } else if (is_private_anonymous(vma) && !vma.anon_vma) {
          vma.flags &= ~bit(VmaFlag::account);
        }
        vma.prot = row.prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
        if (row.event == TraceEvent::pkey_mprotect)
          vma.key = static_cast<std::uint32_t>(row.flags);
      });
      break;
    case TraceEvent::madvise:
      advise(row);
      break;
    case TraceEvent::mlock:
    case TraceEvent::mlock2:
    case TraceEvent::munlock:
    case TraceEvent::mlockall:
    case TraceEvent::munlockall:
      lock(row);
      break;
    case TraceEvent::prctl:
      control(row);
      break;
    case TraceEvent::uffd_move:
      if (row.result > 0)
        if (const auto at = containing_or_next(row.new_address);
            at != vmas_.end() && at->second.begin <= row.new_address)
          prepare(at);
      break;
    case TraceEvent::read:
    case TraceEvent::write:
    case TraceEvent::fetch:
      touch(row);
      break;
    default:
      break;
  }
  return made_;
}

VmaModel VmaModel::forked() const
{
  VmaModel child(rules_, *numbers_);
  child.beyond_ = beyond_;
  child.break_ = break_;
  child.flags_to_come_ = flags_to_come_ & ~kLocks;
  for (const auto& [begin, vma] : vmas_) {
    if (vma.flags & bit(VmaFlag::dont_fork))
      continue;
    ModelVma copy = vma;
    copy.flags &= ~kLocks;
    if (copy.flags & bit(VmaFlag::wipe_on_fork)) {
      copy.anon_vma = 0;
      copy.inherited = false;
    } else if (copy.anon_vma) {
      copy.anon_vma = ++numbers_->anon_vma;
      copy.inherited = true;
    }
    child.vmas_.emplace_hint(child.vmas_.end(), begin, copy);
  }
  return child;
}

}  // namespace rmaplab
