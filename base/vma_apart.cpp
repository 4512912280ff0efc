// SPDX-License-Identifier: GPL-2.0-only
#include "base/vma_apart.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include "base/text.h"

namespace rmaplab
{

namespace
{

struct FlagWords {
  std::string_view code;  // of VmFlags (fs/proc/task_mmu.c, show_smap_vma_flags())
  std::string_view word;
};
constexpr std::array<FlagWords, kVmaFlags> kFlagWords = {{
    {"sh", "shared"},      {"mr", "mayread"},      {"mw", "maywrite"},     {"me", "mayexec"},
    {"ms", "mayshare"},    {"gd", "growsdown"},    {"pf", "pfnmap"},       {"lo", "locked"},
    {"lf", "lockonfault"}, {"io", "io"},           {"sr", "sequential"},   {"rr", "random"},
    {"dc", "dontfork"},    {"de", "dontexpand"},   {"ac", "account"},      {"nr", "noreserve"},
    {"ht", "hugetlb"},     {"sf", "sync"},         {"wf", "wipeonfork"},   {"dd", "dontdump"},
    {"sd", "softdirty"},   {"mm", "mixedmap"},     {"hg", "hugepage"},     {"nh", "nohugepage"},
    {"mg", "mergeable"},   {"gu", "guard"},        {"dp", "droppable"},    {"ar", "arch"},
    {"mt", "mte"},         {"bt", "bti"},          {"um", "uffd missing"}, {"uw", "uffd wp"},
    {"ui", "uffd minor"},  {"ss", "shadow stack"}, {"sl", "sealed"},
}};

constexpr std::array<std::string_view, kApartRules> kRuleNames = {
    "special", "protection", "flags", "file", "offset", "anon_vma", "name", "policy", "key"};

// include/linux/mm.h, VM_SPECIAL.
constexpr std::uint64_t kSpecial =
    bit(VmaFlag::io) | bit(VmaFlag::dont_expand) | bit(VmaFlag::pfn_map) | bit(VmaFlag::mixed_map);
// Never in the way of merging: VM_SOFTDIRTY, and since 7.0 VM_MAYBE_GUARD (VM_IGNORE_MERGE).
constexpr std::uint64_t kIgnored = bit(VmaFlag::soft_dirty) | bit(VmaFlag::guarded);

std::string count_text(std::uint64_t count)
{
  return grouped(static_cast<double>(count));
}

std::string cut(std::string text, std::size_t columns)
{
  if (text.size() > columns) {
    text.resize(columns - 2);
    text += "..";
  }
  return text;
}

constexpr std::size_t kColumns = 75;

}  // namespace

std::optional<VmaFlag> vma_flag(std::string_view code)
{
  const auto* found = std::find_if(kFlagWords.begin(), kFlagWords.end(),
                                   [code](const FlagWords& words) { return words.code == code; });
  if (found == kFlagWords.end())
    return {};
  return static_cast<VmaFlag>(found - kFlagWords.begin());
}

std::string flags_text(std::uint64_t flags)
{
  std::string text;
  for (std::size_t i = 0; i < kVmaFlags; ++i)
    if (flags & std::uint64_t{1} << i)
      text += fmt::format("{}{}", text.empty() ? "" : ", ", kFlagWords[i].word);
  return text;
}

std::string prot_text(std::uint32_t prot)
{
  return {prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
          prot & PROT_EXEC ? 'x' : '-'};
}

unsigned differing_rules(const VmaLook& a, const VmaLook& b, std::uint64_t page_size)
{
  unsigned rules = 0;
  if ((a.flags | b.flags) & kSpecial)
    rules |= bit(ApartRule::special);
  if (a.prot != b.prot)
    rules |= bit(ApartRule::protection);
  if ((a.flags ^ b.flags) & ~kIgnored)
    rules |= bit(ApartRule::flags);
  if (a.file != b.file)
    rules |= bit(ApartRule::file);
  else if (b.page_offset != a.page_offset + (a.end - a.begin) / page_size)
    rules |= bit(ApartRule::offset);
  if (a.name != b.name)
    rules |= bit(ApartRule::name);
  if (a.policy != b.policy)
    rules |= bit(ApartRule::policy);
  if (a.key != b.key)
    rules |= bit(ApartRule::key);
  return rules;
}

Apart what_keeps_apart(const VmaLook& a, const VmaLook& b, std::uint64_t page_size)
{
  Apart why;
  why.rules = differing_rules(a, b, page_size);
  if (why.rules & bit(ApartRule::special))  // whatever else: nothing would help
    return {.rules = bit(ApartRule::special)};
  why.flags = (a.flags ^ b.flags) & ~kIgnored;
  if (why.rules & bit(ApartRule::protection)) {
    why.prots[0] = std::min(a.prot, b.prot);
    why.prots[1] = std::max(a.prot, b.prot);
    why.flags &= ~bit(VmaFlag::account);
    if (!why.flags)
      why.rules &= ~bit(ApartRule::flags);
  }
  if (why.rules & bit(ApartRule::offset) && a.file)
    why.backwards = a.page_offset == b.page_offset + (b.end - b.begin) / page_size;
  const bool both = a.anon_vma && b.anon_vma;
  const bool one =
      (a.anon_vma && !b.anon_vma && a.inherited) || (b.anon_vma && !a.anon_vma && b.inherited);
  if ((both && a.anon_vma != b.anon_vma) || one) {
    why.rules |= bit(ApartRule::anon_vma);
    why.child = a.inherited || b.inherited;
  }
  why.unknown = !why.rules && !(a.anon_vma_known && b.anon_vma_known);
  return why;
}

ApartSummary summarize_apart(const std::vector<VmaLook>& vmas, std::uint64_t page_size)
{
  ApartSummary summary;
  summary.vmas = vmas.size();
  std::map<Apart, std::uint64_t> pairs;
  for (std::size_t i = 1; i < vmas.size(); ++i) {
    if (vmas[i - 1].end != vmas[i].begin) {
      ++summary.with_gap;
      continue;
    }
    ++summary.touching;
    ++pairs[what_keeps_apart(vmas[i - 1], vmas[i], page_size)];
  }
  for (const auto& [why, count] : pairs)
    summary.groups.push_back({.why = why, .pairs = count});
  std::stable_sort(summary.groups.begin(), summary.groups.end(),
                   [](const ApartGroup& a, const ApartGroup& b) { return a.pairs > b.pairs; });
  return summary;
}

std::string apart_text(const Apart& why, bool whole)
{
  if (!why.rules)
    return why.unknown ? "anon_vma, which is not known" : "nothing";
  std::string text;
  for (std::size_t i = 0; i < kApartRules; ++i) {
    if (!(why.rules & 1u << i))
      continue;
    text += fmt::format("{}{}", text.empty() ? "" : " and ", kRuleNames[i]);
    if (whole && i == static_cast<std::size_t>(ApartRule::protection))
      text += fmt::format(" ({}, {})", prot_text(why.prots[1]), prot_text(why.prots[0]));
    if (i == static_cast<std::size_t>(ApartRule::flags))
      text += fmt::format(" ({})", flags_text(why.flags));
    if (whole && i == static_cast<std::size_t>(ApartRule::offset) && why.backwards)
      text += " (falls as addresses rise)";
    if (whole && i == static_cast<std::size_t>(ApartRule::anon_vma) && why.child)
      text += " (of a fork's child)";
  }
  return text;
}

namespace
{

std::string flags_remedy(std::uint64_t flags)
{
  struct Remedy {
    std::uint64_t flags;
    const char* text;
  };
  constexpr Remedy kRemedies[] = {
      {bit(VmaFlag::dont_fork), "MADV_DOFORK when done, or MADV_DONTFORK on all of it once"},
      {bit(VmaFlag::dont_dump), "MADV_DONTDUMP (or DODUMP) on all of it once"},
      {bit(VmaFlag::wipe_on_fork), "MADV_KEEPONFORK when done"},
      {bit(VmaFlag::locked) | bit(VmaFlag::lock_on_fault),
       "mlock() of all of it once, or munlock() when done"},
      {bit(VmaFlag::huge_page) | bit(VmaFlag::no_huge_page),
       "MADV_(NO)HUGEPAGE on all; MAP_STACK sets nohugepage"},
      {bit(VmaFlag::sequential) | bit(VmaFlag::random), "MADV_NORMAL when done"},
      {bit(VmaFlag::mergeable), "MADV_MERGEABLE on all of it, or UNMERGEABLE when done"},
      {bit(VmaFlag::uffd_missing) | bit(VmaFlag::uffd_protect) | bit(VmaFlag::uffd_minor),
       "UFFDIO_REGISTER of all of it once"},
      {bit(VmaFlag::account) | bit(VmaFlag::no_reserve),
       "both with MAP_NORESERVE, or both writable from the start"},
  };
  for (const Remedy& remedy : kRemedies)
    if (flags & remedy.flags)
      return remedy.text;
  return "the same flags on both";
}

}  // namespace

std::string remedy_text(const Apart& why)
{
  auto has = [&why](ApartRule rule) { return (why.rules & bit(rule)) != 0; };
  if (has(ApartRule::special))
    return "nothing: VM_SPECIAL (dontexpand, io, pfnmap, mixedmap)";
  if (has(ApartRule::file))
    return "one file whose offsets rise with the addresses";
  if (has(ApartRule::protection))
    return why.prots[0] == PROT_NONE ? "guard pages by MADV_GUARD_INSTALL (6.13), without a VMA"
                                     : "the same protection on both";
  if (has(ApartRule::flags))
    return flags_remedy(why.flags);
  if (has(ApartRule::offset)) {
    if (why.backwards)
      return "handing out addresses the same way as offsets";
    return "offsets that go on; anonymous: not moved after a write";
  }
  if (has(ApartRule::anon_vma))
    return why.child ? "nothing after a fork: the child's memory stays apart"
                     : "being neighbours before the first write to the second";
  if (has(ApartRule::name))
    return "the same name (PR_SET_VMA) on both";
  if (has(ApartRule::policy))
    return "mbind() of all of it once";
  if (has(ApartRule::key))
    return "the same protection key on both";
  return why.unknown ? "being neighbours before the first write, if it is that"
                     : "a call that changes one of the two and changes it back";
}

std::string apart_table(const ApartSummary& summary, std::size_t most)
{
  std::string text = " pairs  kept apart by\n";
  std::uint64_t rest = 0;
  std::size_t shown = 0;
  for (const ApartGroup& group : summary.groups) {
    if (shown++ >= most) {
      rest += group.pairs;
      continue;
    }
    text += fmt::format("{:>6}  {}\n        remedy: {}\n", count_text(group.pairs),
                        cut(apart_text(group.why), kColumns - 8),
                        cut(remedy_text(group.why), kColumns - 16));
  }
  if (summary.groups.size() > most)
    text += fmt::format("{:>6}  {} other reasons\n", count_text(rest), shown - most);
  return text + fmt::format("{:>6}  an unmapped gap\n", count_text(summary.with_gap));
}

std::string size_text(std::uint64_t bytes)
{
  constexpr std::uint64_t kStep = 1024;
  constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  auto value = static_cast<double>(bytes);
  while (value >= kStep && unit + 1 < kUnits.size()) {
    value /= kStep;
    ++unit;
  }
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  return fmt::format("{:.{}f} {}", value, whole ? 0 : 1, kUnits[unit]);
}

std::string sizes_text(std::uint64_t least, std::uint64_t most)
{
  const std::string from = size_text(least);
  const std::string to = size_text(most);
  return from == to ? from : fmt::format("{} to {}", from, to);
}

namespace
{

void sort_classes(std::vector<VmaClass>& classes)
{
  std::stable_sort(classes.begin(), classes.end(), [](const VmaClass& a, const VmaClass& b) {
    return a.left != b.left ? a.left > b.left : a.made > b.made;
  });
}

}  // namespace

std::string class_table(std::vector<VmaClass> classes, bool made, std::size_t most)
{
  sort_classes(classes);
  std::string text = made ? "  made    left  by\n" : "  VMAs  of\n";
  VmaClass rest;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const VmaClass& one = classes[i];
    if (i >= most) {
      rest.made += one.made;
      rest.left += one.left;
      continue;
    }
    if (made)
      text += fmt::format("{:>6}  {:>6}  {}\n", count_text(one.made), count_text(one.left),
                          cut(one.name, kColumns - 16));
    else
      text += fmt::format("{:>6}  {}\n", count_text(one.left), cut(one.name, kColumns - 8));
  }
  if (classes.size() <= most)
    return text;
  const std::string others = fmt::format("{} other classes", classes.size() - most);
  if (made)
    return text +
           fmt::format("{:>6}  {:>6}  {}\n", count_text(rest.made), count_text(rest.left), others);
  return text + fmt::format("{:>6}  {}\n", count_text(rest.left), others);
}

std::string kind_text(std::uint32_t prot, bool shared, bool file)
{
  return fmt::format("{} {}", prot_text(prot), shared ? "shared" : file ? "file" : "anon");
}

int size_class(std::uint64_t bytes)
{
  return std::bit_width(bytes);
}

std::vector<VmaClass> classes_of(const std::vector<VmaLook>& vmas)
{
  struct Sizes {
    std::uint64_t least = ~std::uint64_t{0};
    std::uint64_t most = 0;
    std::uint64_t count = 0;
  };
  std::map<std::pair<std::string, int>, Sizes> classes;
  for (const VmaLook& vma : vmas) {
    const std::uint64_t bytes = vma.end - vma.begin;
    std::string kind = kind_text(vma.prot, vma.flags & bit(VmaFlag::shared), vma.file != 0);
    Sizes& sizes = classes[{std::move(kind), size_class(bytes)}];
    sizes.least = std::min(sizes.least, bytes);
    sizes.most = std::max(sizes.most, bytes);
    ++sizes.count;
  }
  std::vector<VmaClass> result;
  for (const auto& [key, sizes] : classes)
    result.push_back(
        {.name = key.first + " " + sizes_text(sizes.least, sizes.most), .left = sizes.count});
  return result;
}

std::string why_answer(const std::vector<VmaClass>& classes, const ApartSummary& apart)
{
  std::vector<VmaClass> sorted = classes;
  sort_classes(sorted);
  std::string text = fmt::format("{} VMAs", count_text(apart.vmas));
  if (!sorted.empty())
    text +=
        fmt::format(", {} by {}", count_text(sorted.front().left), cut(sorted.front().name, 34));
  if (!apart.groups.empty() && apart.groups.front().pairs >= apart.with_gap)
    text += fmt::format("; apart by {}", apart_text(apart.groups.front().why, false));
  else if (apart.with_gap)
    text += "; apart by unmapped gaps";
  return cut(text, kColumns) + '\n';
}

}  // namespace rmaplab
