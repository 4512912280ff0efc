// SPDX-License-Identifier: GPL-2.0-only
// Why neighbouring VMAs are not one: the rules of the kernel's merging (mm/vma.c,
// is_mergeable_vma(), is_mergeable_anon_vma()) applied to what is known of each VMA, from
// /proc/PID/smaps or from the model of a trace, and told in the same words. Pure.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rmaplab
{

// A flag of a VMA, as VmFlags of /proc/PID/smaps names it (Documentation/filesystems/proc.rst).
// rd, wr and ex are not among them: they are VmaLook::prot.
enum class VmaFlag : std::uint8_t {
  shared,
  may_read,
  may_write,
  may_exec,
  may_share,
  grows_down,
  pfn_map,
  locked,
  lock_on_fault,
  io,
  sequential,
  random,
  dont_fork,
  dont_expand,
  account,
  no_reserve,
  huge_tlb,
  synchronous,
  wipe_on_fork,
  dont_dump,
  soft_dirty,
  mixed_map,
  huge_page,
  no_huge_page,
  mergeable,
  guarded,
  droppable,
  arch,
  memory_tags,
  branch_targets,
  uffd_missing,
  uffd_protect,
  uffd_minor,
  shadow_stack,
  sealed,
};
inline constexpr std::size_t kVmaFlags = 35;
constexpr std::uint64_t bit(VmaFlag flag)
{
  return std::uint64_t{1} << static_cast<unsigned>(flag);
}
// Of the two letters of VmFlags; nothing for one that is not known here.
std::optional<VmaFlag> vma_flag(std::string_view code);
// "dontfork, locked", in the order above.
std::string flags_text(std::uint64_t flags);
// "rw-"
std::string prot_text(std::uint32_t prot);

// What the rules look at.
struct VmaLook {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint32_t prot = 0;   // PROT_*
  std::uint64_t flags = 0;  // bits of VmaFlag
  std::uint64_t file = 0;   // 0: private anonymous memory; else equal for one file
  // vm_pgoff, in pages: of the file; of anonymous memory where it was when it was first written.
  std::uint64_t page_offset = 0;
  std::uint64_t anon_vma = 0;  // 0: none; else equal for one
  bool anon_vma_known = true;
  bool inherited = false;    // its chain has more than one anon_vma: a fork's child's
  std::uint64_t name = 0;    // PR_SET_VMA; 0: none
  std::uint64_t policy = 0;  // mbind(); 0: the process's
  std::uint32_t key = 0;     // protection key
  bool operator==(const VmaLook&) const = default;
};

enum class ApartRule : std::uint8_t {
  special,  // VM_SPECIAL: such a VMA merges with nothing
  protection,
  flags,
  file,
  offset,
  anon_vma,
  name,
  policy,
  key,
};
inline constexpr std::size_t kApartRules = 9;
constexpr unsigned bit(ApartRule rule)
{
  return 1u << static_cast<unsigned>(rule);
}

// What keeps two VMAs apart of which the first ends where the second begins.
struct Apart {
  unsigned rules = 0;       // bits of ApartRule; none: they would merge if a call looked at them
  std::uint64_t flags = 0;  // that only one of them has
  std::uint32_t prots[2] = {0, 0};  // where they differ, the lesser first
  bool backwards = false;           // offsets fall as addresses rise: the other way they would fit
  bool child = false;    // anon_vma: one inherited its memory from the process that forked it
  bool unknown = false;  // all else is alike, and the anon_vma is not known
  bool operator==(const Apart&) const = default;
  auto operator<=>(const Apart&) const = default;
};
// VM_ACCOUNT follows the protection: where both differ, the protection alone is named.
Apart what_keeps_apart(const VmaLook& a, const VmaLook& b, std::uint64_t page_size);
// All rules but that of the anon_vma.
unsigned differing_rules(const VmaLook& a, const VmaLook& b, std::uint64_t page_size);

struct ApartGroup {
  Apart why;
  std::uint64_t pairs = 0;
};

struct ApartSummary {
  std::uint64_t vmas = 0;
  std::uint64_t touching = 0;      // pairs of which one begins where the other ends
  std::uint64_t with_gap = 0;      // the other neighbours
  std::vector<ApartGroup> groups;  // most pairs first
};
// `vmas` ascending.
ApartSummary summarize_apart(const std::vector<VmaLook>& vmas, std::uint64_t page_size);

// "flags (dontfork)", "protection (rw-, ---) and anon_vma"; not `whole`: the rules alone, with
// their flags.
std::string apart_text(const Apart& why, bool whole = true);
// What would have made one VMA of the two, in at most 59 columns.
std::string remedy_text(const Apart& why);

// Lines of at most 75 columns for at most `most` groups; what is left out is told by count.
std::string apart_table(const ApartSummary& summary, std::size_t most);

// "12 KiB", "1.5 MiB".
std::string size_text(std::uint64_t bytes);
// "12 KiB" or "4 to 60 KiB": of a class of sizes.
std::string sizes_text(std::uint64_t least, std::uint64_t most);

// VMAs, or what made them, in classes.
struct VmaClass {
  std::string name;  // of at most 52 columns
  std::uint64_t made = 0;
  std::uint64_t left = 0;
};
// By protection, kind and size.
std::vector<VmaClass> classes_of(const std::vector<VmaLook>& vmas);
// "rw- anon", "r-- file", "rw- shared": `name` of such a class without its size.
std::string kind_text(std::uint32_t prot, bool shared, bool file);
// Sizes that share a class have one of these: the power of two that is not above it.
int size_class(std::uint64_t bytes);
// Most left first, then most made. `made`: with that column.
std::string class_table(std::vector<VmaClass> classes, bool made, std::size_t most);
// The answer in one line of at most 75 columns.
std::string why_answer(const std::vector<VmaClass>& classes, const ApartSummary& apart);

}  // namespace rmaplab
