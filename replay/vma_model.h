// SPDX-License-Identifier: GPL-2.0-only
// The VMAs of one recorded address space, call by call, by the rules of Linux's mm/vma.c:
// which are split, which merge, who made them. Pure.
//
// AddressSpace answers what is mapped where, and takes little for it; this one answers how
// many VMAs that is. docs/replay.md says what it cannot know from a trace.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "base/vma_apart.h"
#include "replay/trace.h"

namespace rmaplab
{

struct VmaRules {
  std::uint64_t page_size = 4096;
  // The trace has faults, so which VMA has which anon_vma follows. Else all are taken to have
  // none, as far as the rules go, and none is known.
  bool faults_known = true;
  // A VMA without an anon_vma merges into a faulted neighbour's place, too: Linux commit
  // 879bca0a2c4f ("mm/vma: fix incorrectly disallowed anonymous VMA merges") (in v6.16).
  bool unfaulted_takes = true;
};

struct ModelVma : VmaLook {
  std::uint32_t maker = 0;  // as the caller of apply() numbered it
};

// Of all address spaces of a trace: numbers that no two of them share.
struct VmaNumbers {
  std::uint64_t anon_vma = 0;
  std::uint64_t object = 1ull << 32;  // shared memory that has no number in the trace
};

class VmaModel
{
 public:
  using Vmas = std::map<std::uint64_t, ModelVma>;  // by begin

  // `numbers` outlives it.
  VmaModel(const VmaRules& rules, VmaNumbers& numbers) : rules_(rules), numbers_(&numbers) {}

  // Takes effect: a call of any result, a `vma` row, a fault. VMAs that come of it are `maker`'s;
  // how many is returned. Of a VMA that is split the lowest part stays its maker's.
  std::uint64_t apply(const TraceRow& row, std::uint32_t maker);
  // A fork's child's copy: without what MADV_DONTFORK took out, each anon_vma a new one.
  VmaModel forked() const;
  const Vmas& vmas() const { return vmas_; }
  // As the last brk row returned it.
  std::optional<std::uint64_t> program_break() const { return break_; }
  // As mm->map_count: also those that lie beyond user space's addresses.
  std::uint64_t count() const { return vmas_.size() + beyond_; }

 private:
  using At = Vmas::iterator;
  std::uint64_t page_up(std::uint64_t bytes) const
  {
    return (bytes + rules_.page_size - 1) & ~(rules_.page_size - 1);
  }
  std::uint64_t page_of(std::uint64_t address) const { return address / rules_.page_size; }

  At containing_or_next(std::uint64_t address);
  At before(At at);                        // that ends where this one begins, else end()
  At after(At at);                         // likewise
  At move_begin(At at, std::uint64_t to);  // the offset goes along
  At split(At at, std::uint64_t where);    // the upper part, which is maker_'s
  void unmap(std::uint64_t begin, std::uint64_t end);
  bool takes(const ModelVma& target, const ModelVma& source, bool source_is_copy) const;
  bool merges(const ModelVma& low, const ModelVma& high) const;
  void take_anon_vma(ModelVma& target, const ModelVma& source);
  At insert(const ModelVma& vma, bool is_copy = false, bool with_next = true);
  template <typename Change>
  void change(std::uint64_t begin, std::uint64_t end, bool to_hole, const Change& changed);
  void change_part(At at, std::uint64_t begin, std::uint64_t end, const ModelVma& wanted);
  void prepare(At at);  // an anon_vma for it
  void populate(std::uint64_t begin, std::uint64_t end);

  void map_row(const TraceRow& row);
  void layout_row(const TraceRow& row);
  void remap(const TraceRow& row);
  void grow_in_place(std::uint64_t at, std::uint64_t old_end, std::uint64_t new_end);
  void advise(const TraceRow& row);
  void set_break(std::uint64_t to);
  void lock(const TraceRow& row);
  void control(const TraceRow& row);
  void touch(const TraceRow& row);

  VmaRules rules_;
  VmaNumbers* numbers_;
  Vmas vmas_;
  std::uint64_t beyond_ = 0;
  std::optional<std::uint64_t> break_;
  std::uint64_t flags_to_come_ = 0;  // mm->def_flags
  std::uint32_t maker_ = 0;
  std::uint64_t made_ = 0;
};

}  // namespace rmaplab
