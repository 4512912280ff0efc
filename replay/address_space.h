// SPDX-License-Identifier: GPL-2.0-only
// What one recorded address space maps: intervals with their attributes, changed by the rows
// of a trace. Pure. It is no model of VMA merging: neighbours of equal attributes may be one
// interval or several.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "replay/trace.h"

namespace rmaplab
{

struct MappedRange {
  std::uint64_t end = 0;
  std::uint64_t offset = 0;  // in the file, of the range's begin
  std::uint64_t flags = 0;   // MAP_* and the kVma bits
  std::uint32_t prot = 0;
  std::uint32_t file = 0;
  bool dont_fork = false;
  bool locked = false;  // pages are there as soon as it is mapped: not with ONFAULT
  enum class Huge : std::uint8_t { as_set, advised, refused } huge = Huge::as_set;  // madvise()
};

class AddressSpace
{
 public:
  using Ranges = std::map<std::uint64_t, MappedRange>;  // by begin; never overlapping

  explicit AddressSpace(std::uint64_t page_size)
      : page_size_(page_size), ranges_(std::make_shared<Ranges>())
  {
  }

  // Takes effect: a call that succeeded, or a vma row. Other events change nothing.
  void apply(const TraceRow& row);
  // The range at the address that allows this access; a stack grows for it as the kernel
  // lets it. Nothing: the access was a SIGSEGV, or a mapping that the trace does not know.
  const MappedRange* touch(std::uint64_t address, TraceEvent access);
  // A child's: without what MADV_DONTFORK took out, nothing locked. As good as free until one of
  // the two changes.
  AddressSpace forked() const;
  const Ranges& ranges() const { return *ranges_; }
  // The range that holds the address, whatever it allows.
  Ranges::const_iterator find(std::uint64_t address) const;
  // As the last brk row returned it.
  std::optional<std::uint64_t> program_break() const { return break_; }

  // [begin, end) becomes this range, whatever was there.
  void map(std::uint64_t begin, const MappedRange& range);
  void unmap(std::uint64_t begin, std::uint64_t end);

  std::uint64_t page_up(std::uint64_t bytes) const
  {
    return (bytes + page_size_ - 1) & ~(page_size_ - 1);
  }

 private:
  // Makes `at` a border between two ranges where it is inside one; the first range from there.
  Ranges::iterator split(std::uint64_t at);
  Ranges& own();  // not a relative's
  template <typename Change>
  void change(std::uint64_t begin, std::uint64_t end, Change change);
  void remap(const TraceRow& row);
  void advise(const TraceRow& row, std::uint64_t end);
  void set_break(std::uint64_t to);

  std::uint64_t page_size_;
  std::shared_ptr<Ranges> ranges_;
  bool fork_differs_ = false;  // some range was kept from children, or locked
  bool lock_future_ = false;
  std::optional<std::uint64_t> break_;
};

}  // namespace rmaplab
