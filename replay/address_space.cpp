// SPDX-License-Identifier: GPL-2.0-only
#include "replay/address_space.h"

#include <sys/mman.h>

#include <iterator>
#include <utility>
#include <vector>

namespace rmaplab
{

namespace
{

// A stack that grows ends at its limit, which the trace does not know: the default of 8 MiB
// (_STK_LIM, include/uapi/linux/resource.h).
constexpr std::uint64_t kStackLimit = 8 << 20;

bool allows(const MappedRange& range, TraceEvent access)
{
  switch (access) {
    case TraceEvent::write:
      return range.prot & PROT_WRITE;
    case TraceEvent::fetch:
      return range.prot & PROT_EXEC;
    default:
      return range.prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
  }
}

}  // namespace

AddressSpace::Ranges& AddressSpace::own()
{
  if (ranges_.use_count() > 1)
    ranges_ = std::make_shared<Ranges>(*ranges_);
  return *ranges_;
}

AddressSpace::Ranges::const_iterator AddressSpace::find(std::uint64_t address) const
{
  const auto next = ranges_->upper_bound(address);
  if (next == ranges_->begin() || std::prev(next)->second.end <= address)
    return ranges_->end();
  return std::prev(next);
}

AddressSpace::Ranges::iterator AddressSpace::split(std::uint64_t at)
{
  Ranges& ranges = own();
  auto next = ranges.lower_bound(at);
  if (next == ranges.begin())
    return next;
  const auto before = std::prev(next);
  if (before->second.end <= at)
    return next;
  MappedRange upper = before->second;
  upper.offset += at - before->first;
  before->second.end = at;
  return ranges.emplace_hint(next, at, upper);
}

void AddressSpace::unmap(std::uint64_t begin, std::uint64_t end)
{
  if (begin >= end)
    return;
  const auto first = split(begin);
  if (first == ranges_->end() || first->first >= end)
    return;
  const auto last = split(end);
  // split() keeps iterators: std::map moves nothing.
  ranges_->erase(first, last);
}

void AddressSpace::map(std::uint64_t begin, const MappedRange& range)
{
  if (begin >= range.end)
    return;
  unmap(begin, range.end);
  own().emplace(begin, range);
}

void AddressSpace::remap(const TraceRow& row)
{
  const auto to = static_cast<std::uint64_t>(row.result);
  const std::uint64_t old_end = row.address + page_up(row.length);
  const std::uint64_t new_size = page_up(row.new_length);
  // What moves: with an old length of 0 a second mapping of the page at the address is made,
  // mremap(2).
  const bool duplicate = row.length == 0;
  const std::uint64_t move_end = duplicate ? row.address + new_size : old_end;
  std::vector<std::pair<std::uint64_t, MappedRange>> moved;
  if (row.address < move_end) {
    const auto first = split(row.address);
    for (auto at = first; at != ranges_->end() && at->first < move_end; ++at) {
      if (at->second.end > move_end)
        split(move_end);
      moved.emplace_back(*at);
    }
  }
  if (!duplicate && !(row.flags & MREMAP_DONTUNMAP))
    unmap(row.address, old_end);
  unmap(to, to + new_size);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    auto [begin, range] = moved[i];
    const std::uint64_t in = begin - row.address;
    if (in >= new_size)
      break;
    std::uint64_t size = range.end - begin;
    const bool last = i + 1 == moved.size() && !duplicate;
    if (in + size > new_size || last)  // shrinks, or the last one grows
      size = new_size - in;
    range.end = to + in + size;
    map(to + in, range);
  }
}

void AddressSpace::set_break(std::uint64_t to)
{
  // Before the first brk() row the heap is what was mapped; nothing tells where it began.
  if (break_ && to > *break_) {
    map(page_up(*break_), {.end = page_up(to),
                           .flags = MAP_PRIVATE | MAP_ANONYMOUS,
                           .prot = PROT_READ | PROT_WRITE,
                           .locked = lock_future_});
  } else if (break_ && to < *break_) {
    unmap(page_up(to), page_up(*break_));
  }
  break_ = to;
}

template <typename Change>
void AddressSpace::change(std::uint64_t begin, std::uint64_t end, Change change)
{
  if (begin >= end)
    return;
  const auto first = split(begin);
  split(end);
  for (auto at = first; at != ranges_->end() && at->first < end; ++at)
    change(at->second);
}

void AddressSpace::advise(const TraceRow& row, std::uint64_t end)
{
  using Huge = MappedRange::Huge;
  switch (row.flags) {
    case MADV_DOFORK:
    case MADV_DONTFORK: {
      const bool stays = row.flags == MADV_DONTFORK;
      fork_differs_ = fork_differs_ || stays;
      return change(row.address, end, [stays](MappedRange& range) { range.dont_fork = stays; });
    }
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE: {
      const Huge huge = row.flags == MADV_HUGEPAGE ? Huge::advised : Huge::refused;
      return change(row.address, end, [huge](MappedRange& range) { range.huge = huge; });
    }
    default:
      return;
  }
}

void AddressSpace::apply(const TraceRow& row)
{
  const std::uint64_t end = row.address + page_up(row.length);
  switch (row.event) {
    case TraceEvent::vma:
    case TraceEvent::mmap: {
      const bool call = row.event == TraceEvent::mmap;
      if (call && row.result < 0)
        return;
      const std::uint64_t begin = call ? static_cast<std::uint64_t>(row.result) : row.address;
      map(begin, {.end = begin + page_up(row.length),
                  .offset = row.offset,
                  .flags = row.flags,
                  .prot = row.prot,
                  .file = row.file,
                  .locked = lock_future_ || (row.flags & MAP_LOCKED)});
      fork_differs_ = fork_differs_ || lock_future_ || (row.flags & MAP_LOCKED);
      return;
    }
    case TraceEvent::munmap:
      if (row.result == 0)
        unmap(row.address, end);
      return;
    case TraceEvent::mremap:
      if (row.result >= 0)
        remap(row);
      return;
    case TraceEvent::brk:
      set_break(static_cast<std::uint64_t>(row.result));
      return;
    case TraceEvent::mprotect:
    case TraceEvent::pkey_mprotect:
      if (row.result == 0)
        change(row.address, end, [&](MappedRange& range) { range.prot = row.prot; });
      return;
    case TraceEvent::madvise:
      if (row.result == 0)
        advise(row, end);
      return;
    case TraceEvent::mlock:
    case TraceEvent::mlock2:
    case TraceEvent::munlock: {
      if (row.result != 0)
        return;
      const bool lock = row.event == TraceEvent::mlock ||
                        (row.event == TraceEvent::mlock2 && !(row.flags & MLOCK_ONFAULT));
      // They round outwards.
      const std::uint64_t begin = row.address & ~(page_size_ - 1);
      change(begin, page_up(row.address + row.length),
             [lock](MappedRange& range) { range.locked = lock; });
      fork_differs_ = fork_differs_ || lock;
      return;
    }
    case TraceEvent::mlockall:
    case TraceEvent::munlockall: {
      if (row.result != 0)
        return;
      const bool lock = row.event == TraceEvent::mlockall && !(row.flags & MCL_ONFAULT);
      lock_future_ = lock && (row.flags & MCL_FUTURE);
      if (row.event == TraceEvent::munlockall || (row.flags & MCL_CURRENT))
        for (auto& [begin, range] : own())
          range.locked = lock;
      fork_differs_ = fork_differs_ || lock;
      return;
    }
    default:
      return;
  }
}

const MappedRange* AddressSpace::touch(std::uint64_t address, TraceEvent access)
{
  const auto next = ranges_->upper_bound(address);
  if (next != ranges_->begin()) {
    const MappedRange& range = std::prev(next)->second;
    if (address < range.end)
      return allows(range, access) ? &range : nullptr;
  }
  if (next == ranges_->end() || !(next->second.flags & MAP_GROWSDOWN) ||
      next->second.end - address > kStackLimit || !allows(next->second, access))
    return nullptr;
  auto stack = own().extract(ranges_->upper_bound(address));
  stack.mapped().offset -= stack.key() - address;  // of no meaning in anonymous memory
  stack.key() = address;
  return &ranges_->insert(std::move(stack)).position->second;
}

AddressSpace AddressSpace::forked() const
{
  AddressSpace child = *this;
  child.lock_future_ = false;
  child.fork_differs_ = false;
  if (!fork_differs_)
    return child;
  Ranges& ranges = child.own();
  std::erase_if(ranges, [](const auto& entry) { return entry.second.dont_fork; });
  for (auto& [begin, range] : ranges)
    range.locked = false;
  return child;
}

}  // namespace rmaplab
