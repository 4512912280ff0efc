// SPDX-License-Identifier: GPL-2.0-only
// When VMAs of private memory become one: by mmap(), mprotect() and mremap() beside
// faulted (F) and unfaulted (U) neighbours, each in the process that mapped them and in its
// relatives. The rule is is_mergeable_anon_vma() of mm/vma.c: two different anon_vmas never
// merge, one and none do unless the one belongs to a fork child.
#include <cerrno>

#include "conformance/answers.h"
#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/kin.h"
#include "conformance/looks.h"
#include "conformance/reach.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

struct Scenario {
  const char* name;
  const char* summary;
  const char* source;
  void (*before)(const Bench&);                   // maps and faults, before any fork
  void (*act)(const Bench&, bool is_fork_child);  // and says what must be
};

constexpr const char* kRule = "is_mergeable_anon_vma()";
constexpr const char* kNewMemory = "is_mergeable_anon_vma(), commit cacded5e42b9";
constexpr const char* kIntoUnfaulted = "is_mergeable_anon_vma(), commit 879bca0a2c4f";
constexpr const char* kAnonPgoff = "copy_vma(): a faulted VMA keeps its vm_pgoff";

// Mapped and written, or mapped only.
void map_faulted(const Bench& b, std::size_t begin, std::size_t end)
{
  map(b.at(begin), end - begin);
  touch(b.at(begin), end - begin);
}

void map_unfaulted(const Bench& b, std::size_t begin, std::size_t end)
{
  map(b.at(begin), end - begin);
}

void expect_touched(const Bench& b, std::size_t begin, std::size_t end)
{
  expect_data(b.at(begin), end - begin);
}

const Layout& either(bool first, const Layout& a, const Layout& b)
{
  return first ? a : b;
}

constexpr const char* kHome =
    "vma_merge_copied_range(), commits 879bca0a2c4f, 61f67c230a5e, 3b617fd3d317";

// What was moved away from `page` comes back. A fork child's VMA stays apart whatever the
// kernel: where it may merge it does with an unfaulted one that is not linked to what its pages
// need (3b617fd3d317). Which VMAs there are is judged before the reverse mapping, so that each
// fault is named by its own commit.
void move_home(const Bench& b, std::size_t page, bool is_fork_child, const Layout& one,
               const Layout& apart)
{
  {
    const NoLooks until_judged;
    move(b.at(100), 2, b.at(page));
  }
  if (is_fork_child && layout_of(b) != apart)
    not_ok(
        fmt::format("VMAs: expected {}, found {}: a fork child's moved VMA merged, which commit "
                    "3b617fd3d317 (\"mm/vma: enforce VMA fork limit on unfaulted,faulted mremap "
                    "merge too\") forbids",
                    to_string(apart), to_string(layout_of(b))));
  expect_layout(b, either(!is_fork_child && merges_into_unfaulted(), one, apart));
  look_now("the move home");
}

const Scenario kScenarios[] = {
    {"split_remerge", "mprotect() splits a faulted VMA in three and makes it one again",
     "__split_vma(), vma_merge_existing_range(): one anon_vma, case 3",
     [](const Bench& b) { map_faulted(b, 0, 6); },
     [](const Bench& b, bool) {
       protect(b.at(2), 2, PROT_READ);
       expect_layout(b, {{0, 2}, {2, 4}, {4, 6}}, "after the split");
       expect_touched(b, 0, 6);
       protect(b.at(2), 2, kReadWrite);
       expect_layout(b, {{0, 6}});
       expect_touched(b, 0, 6);
     }},
    {"split_before_fork", "pieces split before a fork have anon_vmas of their own after it",
     "anon_vma_fork(): one anon_vma a VMA",
     [](const Bench& b) {
       map_faulted(b, 0, 6);
       protect(b.at(2), 2, PROT_READ);
     },
     [](const Bench& b, bool is_fork_child) {
       protect(b.at(2), 2, kReadWrite);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}, {4, 6}}, {{0, 6}}));
       expect_touched(b, 0, 6);
     }},
    {"split_unfaulted", "mprotect() splits an unfaulted VMA and makes it one again", kRule,
     [](const Bench& b) { map_unfaulted(b, 0, 6); },
     [](const Bench& b, bool) {
       protect(b.at(2), 2, PROT_READ);
       expect_layout(b, {{0, 2}, {2, 4}, {4, 6}}, "after the split");
       protect(b.at(2), 2, kReadWrite);
       expect_layout(b, {{0, 6}});
     }},
    {"gap_UF", "mmap() between U and F makes one since cacded5e42b9", kNewMemory,
     [](const Bench& b) {
       map_unfaulted(b, 0, 2);
       map_faulted(b, 3, 5);
     },
     [](const Bench& b, bool is_fork_child) {
       map(b.at(2), 1);
       if (!is_fork_child && layout_of(b) == Layout{{0, 2}, {2, 5}} && !is_since_6_12())
         skip(
             "the rule is newer than this kernel, where U stays apart from F: commit "
             "cacded5e42b9 (\"mm: avoid using vma_merge() for new VMAs\", v6.12)");
       expect_layout(b, either(is_fork_child, {{0, 3}, {3, 5}}, {{0, 5}}));
       expect_touched(b, 3, 5);
     }},
    {"gap_FU", "mmap() between F and U makes one", kRule,
     [](const Bench& b) {
       map_faulted(b, 0, 2);
       map_unfaulted(b, 3, 5);
     },
     [](const Bench& b, bool is_fork_child) {
       map(b.at(2), 1);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 5}}, {{0, 5}}));
       expect_touched(b, 0, 2);
     }},
    {"gap_FF_same", "mmap() into a hole of one faulted VMA makes it whole", kRule,
     [](const Bench& b) {
       map_faulted(b, 0, 5);
       unmap(b.at(2), 1);
     },
     [](const Bench& b, bool is_fork_child) {
       map(b.at(2), 1);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 3}, {3, 5}}, {{0, 5}}));
       expect_touched(b, 0, 2);
       expect_touched(b, 3, 5);
     }},
    {"gap_FF_different", "mmap() between two anon_vmas merges with one of them only",
     "can_vma_merge_right(): prev and next must agree too; mmap_region() before Linux 6.12 takes "
     "next",
     [](const Bench& b) {
       map_faulted(b, 0, 2);
       map_faulted(b, 3, 5);
     },
     [](const Bench& b, bool is_fork_child) {
       map(b.at(2), 1);
       if (is_fork_child)
         expect_layout(b, {{0, 2}, {2, 3}, {3, 5}});
       else
         expect_either(b, {"one with the lower", {{0, 3}, {3, 5}}},
                       {"one with the upper", {{0, 2}, {2, 5}}});
       expect_touched(b, 0, 2);
       expect_touched(b, 3, 5);
     }},
    {"gap_UU", "mmap() between two unfaulted VMAs makes one", kRule,
     [](const Bench& b) {
       map_unfaulted(b, 0, 2);
       map_unfaulted(b, 3, 5);
     },
     [](const Bench& b, bool) {
       map(b.at(2), 1);
       expect_layout(b, {{0, 5}});
     }},
    {"append_F", "mmap() after F extends it", kRule, [](const Bench& b) { map_faulted(b, 0, 2); },
     [](const Bench& b, bool is_fork_child) {
       map(b.at(2), 2);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 0, 2);
     }},
    {"prepend_F", "mmap() before F extends it", kRule, [](const Bench& b) { map_faulted(b, 2, 4); },
     [](const Bench& b, bool is_fork_child) {
       map(b.at(0), 2);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 2, 4);
     }},
    {"append_U", "mmap() after U extends it", kRule, [](const Bench& b) { map_unfaulted(b, 0, 2); },
     [](const Bench& b, bool) {
       map(b.at(2), 2);
       expect_layout(b, {{0, 4}});
     }},
    {"map_fixed_over", "MAP_FIXED over the middle of F: zeros, and still one VMA", kRule,
     [](const Bench& b) { map_faulted(b, 0, 6); },
     [](const Bench& b, bool is_fork_child) {
       map(b.at(2), 2);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}, {4, 6}}, {{0, 6}}));
       expect_touched(b, 0, 2);
       must(check_zero_pages(b.at(2), 2));
       expect_touched(b, 4, 6);
     }},
    {"mprotect_U_to_F", "U before F takes its protection: one", kRule,
     [](const Bench& b) {
       map_unfaulted(b, 0, 4);
       protect(b.at(0), 2, PROT_READ);
       touch(b.at(2), 2);
     },
     [](const Bench& b, bool is_fork_child) {
       protect(b.at(0), 2, kReadWrite);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 2, 4);
     }},
    {"mprotect_F_to_U_before", "F after U takes its protection: one since 879bca0a2c4f",
     kIntoUnfaulted,
     [](const Bench& b) {
       map_unfaulted(b, 0, 4);
       protect(b.at(0), 2, PROT_READ);
       touch(b.at(2), 2);
     },
     [](const Bench& b, bool is_fork_child) {
       protect(b.at(2), 2, PROT_READ);
       const bool apart = is_fork_child || !merges_into_unfaulted();
       expect_layout(b, either(apart, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 2, 4);
     }},
    {"mprotect_U_after_F", "U after F takes its protection: one", kRule,
     [](const Bench& b) {
       map_unfaulted(b, 0, 4);
       protect(b.at(2), 2, PROT_READ);
       touch(b.at(0), 2);
     },
     [](const Bench& b, bool is_fork_child) {
       protect(b.at(2), 2, kReadWrite);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 0, 2);
     }},
    {"mprotect_F_to_U_after", "F before U takes its protection: one since 879bca0a2c4f",
     kIntoUnfaulted,
     [](const Bench& b) {
       map_unfaulted(b, 0, 4);
       protect(b.at(2), 2, PROT_READ);
       touch(b.at(0), 2);
     },
     [](const Bench& b, bool is_fork_child) {
       protect(b.at(0), 2, PROT_READ);
       const bool apart = is_fork_child || !merges_into_unfaulted();
       expect_layout(b, either(apart, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 0, 2);
     }},
    {"mprotect_FUF", "U between two faulted pieces of one VMA takes their protection: one", kRule,
     [](const Bench& b) {
       map_unfaulted(b, 0, 6);
       protect(b.at(2), 2, PROT_READ);
       touch(b.at(0), 2);
       touch(b.at(4), 2);  // finds the same anon_vma only where it is contiguous: it is not
     },
     [](const Bench& b, bool is_fork_child) {
       protect(b.at(2), 2, kReadWrite);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}, {4, 6}}, {{0, 4}, {4, 6}}));
       expect_touched(b, 0, 2);
       expect_touched(b, 4, 6);
     }},
    {"mprotect_FF_shared", "neighbours faulted apart share an anon_vma and merge",
     "find_mergeable_anon_vma()",
     [](const Bench& b) {
       map_unfaulted(b, 0, 4);
       protect(b.at(2), 2, kReadWrite | PROT_EXEC);
       touch(b.at(0), 2);
       touch(b.at(2), 2);
     },
     [](const Bench& b, bool is_fork_child) {
       protect(b.at(2), 2, kReadWrite);
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 0, 4);
     }},
    {"madvise_FF_different", "neighbours of different anon_vmas do not merge",
     "anon_vma_compatible(): flags beside the protection keep neighbours from sharing",
     [](const Bench& b) {
       map_unfaulted(b, 0, 4);
       advise(b.at(2), 2, MADV_SEQUENTIAL);
       touch(b.at(0), 2);
       touch(b.at(2), 2);
     },
     [](const Bench& b, bool) {
       advise(b.at(2), 2, MADV_NORMAL);
       expect_layout(b, {{0, 2}, {2, 4}});
       expect_touched(b, 0, 4);
     }},
    {"first_touch", "unfaulted memory of before a fork belongs to its toucher alone",
     "__anon_vma_prepare(): a chain of one", [](const Bench& b) { map_unfaulted(b, 0, 4); },
     [](const Bench& b, bool) {
       touch(b.at(0), 4);
       map(b.at(4), 2);
       expect_layout(b, {{0, 6}});
       expect_touched(b, 0, 4);
     }},
    {"grow_in_place", "mremap() grows F where it is", "vma_merge_extend()",
     [](const Bench& b) { map_faulted(b, 0, 2); },
     [](const Bench& b, bool) {
       expect_errno("mremap", 0, try_remap(b.at(0), 2 * page_size(), 4 * page_size(), 0, nullptr));
       expect_layout(b, {{0, 4}});
       expect_touched(b, 0, 2);
       must(check_zero_pages(b.at(2), 2));
     }},
    {"grow_blocked", "mremap() without MAYMOVE into a neighbour is ENOMEM", "mremap(2)",
     [](const Bench& b) {
       map_faulted(b, 0, 2);
       map_faulted(b, 3, 5);
     },
     [](const Bench& b, bool) {
       expect_errno("mremap", ENOMEM,
                    try_remap(b.at(0), 2 * page_size(), 4 * page_size(), 0, nullptr));
       expect_layout(b, {{0, 2}, {3, 5}});
       expect_touched(b, 0, 2);
       expect_touched(b, 3, 5);
     }},
    {"shrink", "mremap() to fewer pages unmaps the rest", "mremap(2)",
     [](const Bench& b) { map_faulted(b, 0, 6); },
     [](const Bench& b, bool) {
       expect_errno("mremap", 0, try_remap(b.at(0), 6 * page_size(), 2 * page_size(), 0, nullptr));
       expect_layout(b, {{0, 2}});
       expect_touched(b, 0, 2);
     }},
    {"grow_and_move", "mremap() to a larger place keeps the data and adds zeros", "mremap(2)",
     [](const Bench& b) { map_faulted(b, 0, 2); },
     [](const Bench& b, bool) {
       expect_errno("mremap", 0,
                    try_remap(b.at(0), 2 * page_size(), 4 * page_size(),
                              MREMAP_MAYMOVE | MREMAP_FIXED, b.at(100)));
       expect_layout(b, {{100, 104}});
       expect_data(b.at(100), 2, b.at(0));
       must(check_zero_pages(b.at(102), 2));
     }},
    {"move_alone", "F moved where nothing is", "move_vma()",
     [](const Bench& b) { map_faulted(b, 100, 104); },
     [](const Bench& b, bool) {
       move(b.at(100), 4, b.at(0));
       expect_layout(b, {{0, 4}});
       expect_data(b.at(0), 4, b.at(100));
     }},
    {"move_part", "the middle of F moved away", "move_vma()",
     [](const Bench& b) { map_faulted(b, 0, 6); },
     [](const Bench& b, bool) {
       move(b.at(2), 2, b.at(100));
       expect_layout(b, {{0, 2}, {4, 6}, {100, 102}});
       expect_touched(b, 0, 2);
       expect_touched(b, 4, 6);
       expect_data(b.at(100), 2, b.at(2));
     }},
    {"move_F_after_F", "F moved after another F stays apart", kAnonPgoff,
     [](const Bench& b) {
       map_faulted(b, 0, 2);
       map_faulted(b, 100, 102);
     },
     [](const Bench& b, bool) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, {{0, 2}, {2, 4}});
       expect_touched(b, 0, 2);
       expect_data(b.at(2), 2, b.at(100));
     }},
    {"move_F_after_U", "F moved after U stays apart", kAnonPgoff,
     [](const Bench& b) {
       map_unfaulted(b, 0, 2);
       map_faulted(b, 100, 102);
     },
     [](const Bench& b, bool) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, {{0, 2}, {2, 4}});
       expect_data(b.at(2), 2, b.at(100));
     }},
    {"move_F_before_F", "F moved before another F stays apart", kAnonPgoff,
     [](const Bench& b) {
       map_faulted(b, 2, 4);
       map_faulted(b, 100, 102);
     },
     [](const Bench& b, bool) {
       move(b.at(100), 2, b.at(0));
       expect_layout(b, {{0, 2}, {2, 4}});
       expect_touched(b, 2, 4);
       expect_data(b.at(0), 2, b.at(100));
     }},
    {"move_F_before_U", "F moved before U stays apart", kAnonPgoff,
     [](const Bench& b) {
       map_unfaulted(b, 2, 4);
       map_faulted(b, 100, 102);
     },
     [](const Bench& b, bool) {
       move(b.at(100), 2, b.at(0));
       expect_layout(b, {{0, 2}, {2, 4}});
       expect_data(b.at(0), 2, b.at(100));
     }},
    {"move_F_between", "F moved between F and U stays apart from both", kAnonPgoff,
     [](const Bench& b) {
       map_faulted(b, 0, 2);
       map_unfaulted(b, 4, 6);
       map_faulted(b, 100, 102);
     },
     [](const Bench& b, bool) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, {{0, 2}, {2, 4}, {4, 6}});
       expect_touched(b, 0, 2);
       expect_data(b.at(2), 2, b.at(100));
     }},
    {"move_U_after_F", "U moved after F merges with it",
     "copy_vma(): an unfaulted VMA gets the vm_pgoff of its new place",
     [](const Bench& b) {
       map_faulted(b, 0, 2);
       map_unfaulted(b, 100, 102);
     },
     [](const Bench& b, bool is_fork_child) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 0, 2);
       must(check_zero_pages(b.at(2), 2));
     }},
    {"move_U_before_F", "U moved before F merges with it",
     "copy_vma(): an unfaulted VMA gets the vm_pgoff of its new place",
     [](const Bench& b) {
       map_faulted(b, 2, 4);
       map_unfaulted(b, 100, 102);
     },
     [](const Bench& b, bool is_fork_child) {
       move(b.at(100), 2, b.at(0));
       expect_layout(b, either(is_fork_child, {{0, 2}, {2, 4}}, {{0, 4}}));
       expect_touched(b, 2, 4);
     }},
    {"move_U_between", "U moved between U and F makes one of three",
     "copy_vma(): an unfaulted VMA gets the vm_pgoff of its new place",
     [](const Bench& b) {
       map_unfaulted(b, 0, 2);
       map_faulted(b, 4, 6);
       map_unfaulted(b, 100, 102);
     },
     [](const Bench& b, bool is_fork_child) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, either(is_fork_child, {{0, 4}, {4, 6}}, {{0, 6}}));
       expect_touched(b, 4, 6);
     }},
    {"move_home", "the middle of F moved away and back makes it whole",
     "vma_merge_copied_range(), one anon_vma, case 3", [](const Bench& b) { map_faulted(b, 0, 6); },
     [](const Bench& b, bool) {
       move(b.at(2), 2, b.at(100));
       move(b.at(100), 2, b.at(2));
       expect_layout(b, {{0, 6}});
       expect_touched(b, 0, 6);
     }},
    {"move_home_after_U", "F moved home, where U lies before it now: one since 879bca0a2c4f", kHome,
     [](const Bench& b) { map_faulted(b, 2, 4); },
     [](const Bench& b, bool is_fork_child) {
       move(b.at(2), 2, b.at(100));
       map(b.at(0), 2);
       move_home(b, 2, is_fork_child, {{0, 4}}, {{0, 2}, {2, 4}});
       expect_touched(b, 2, 4);
       must(check_zero_pages(b.at(0), 2));
     }},
    {"move_home_before_U", "F moved home, where U lies after it now: one since 879bca0a2c4f", kHome,
     [](const Bench& b) { map_faulted(b, 0, 2); },
     [](const Bench& b, bool is_fork_child) {
       move(b.at(0), 2, b.at(100));
       map(b.at(2), 2);
       move_home(b, 0, is_fork_child, {{0, 4}}, {{0, 2}, {2, 4}});
       expect_touched(b, 0, 2);
       must(check_zero_pages(b.at(2), 2));
     }},
    {"move_home_between_U", "F moved home between two U: one of three since 879bca0a2c4f", kHome,
     [](const Bench& b) { map_faulted(b, 2, 4); },
     [](const Bench& b, bool is_fork_child) {
       move(b.at(2), 2, b.at(100));
       map(b.at(0), 2);
       map(b.at(4), 2);
       move_home(b, 2, is_fork_child, {{0, 6}}, {{0, 2}, {2, 4}, {4, 6}});
       expect_touched(b, 2, 4);
     }},
    {"move_home_between_U_F", "F moved home between U and another F: one with U since 879bca0a2c4f",
     kHome, [](const Bench& b) { map_faulted(b, 2, 4); },
     [](const Bench& b, bool is_fork_child) {
       move(b.at(2), 2, b.at(100));
       map(b.at(0), 2);
       map_faulted(b, 4, 6);
       move_home(b, 2, is_fork_child, {{0, 4}, {4, 6}}, {{0, 2}, {2, 4}, {4, 6}});
       expect_touched(b, 2, 6);
     }},
    {"move_in_order", "pieces of F moved in order to their new place are one again",
     "copy_vma(): the same distance of vm_pgoff, the same anon_vma",
     [](const Bench& b) { map_faulted(b, 100, 104); },
     [](const Bench& b, bool) {
       for (std::size_t i = 0; i < 4; ++i)
         move(b.at(100 + i), 1, b.at(i));
       expect_layout(b, {{0, 4}});
       expect_data(b.at(0), 4, b.at(100));
     }},
    {"move_reversed", "pieces of F moved in reversed order stay apart", kAnonPgoff,
     [](const Bench& b) { map_faulted(b, 100, 104); },
     [](const Bench& b, bool) {
       for (std::size_t i = 0; i < 4; ++i)
         move(b.at(100 + i), 1, b.at(3 - i));
       expect_layout(b, {{0, 1}, {1, 2}, {2, 3}, {3, 4}});
       for (std::size_t i = 0; i < 4; ++i)
         expect_data(b.at(3 - i), 1, b.at(100 + i));
     }},
    {"move_over", "F moved over another F replaces it", "mremap(2), MREMAP_FIXED",
     [](const Bench& b) {
       map_faulted(b, 0, 6);
       map_faulted(b, 100, 102);
     },
     [](const Bench& b, bool) {
       move(b.at(100), 2, b.at(2));
       expect_layout(b, {{0, 2}, {2, 4}, {4, 6}});
       expect_touched(b, 0, 2);
       expect_data(b.at(2), 2, b.at(100));
       expect_touched(b, 4, 6);
     }},
    {"dontunmap", "MREMAP_DONTUNMAP leaves an empty VMA that takes new data",
     "mremap(2), MREMAP_DONTUNMAP; unlink_anon_vmas() of the source",
     [](const Bench& b) { map_faulted(b, 0, 2); },
     [](const Bench& b, bool) {
       move(b.at(0), 2, b.at(100), MREMAP_DONTUNMAP);
       expect_layout(b, {{0, 2}, {100, 102}});
       expect_data(b.at(100), 2, b.at(0));
       must(check_zero_pages(b.at(0), 2));
       touch(b.at(0), 2, {.generation = 1});
       must(check_pages(b.at(0), 2, {.generation = 1}));
       expect_data(b.at(100), 2, b.at(0));
     }},
    {"dontunmap_part", "MREMAP_DONTUNMAP of a part keeps the anon_vma of the rest",
     "mremap(2), MREMAP_DONTUNMAP", [](const Bench& b) { map_faulted(b, 0, 6); },
     [](const Bench& b, bool) {
       move(b.at(2), 2, b.at(100), MREMAP_DONTUNMAP);
       expect_layout(b, {{0, 6}, {100, 102}});
       expect_touched(b, 0, 2);
       must(check_zero_pages(b.at(2), 2));
       expect_touched(b, 4, 6);
       expect_data(b.at(100), 2, b.at(2));
     }},
    {"move_overlap", "a move onto itself is EINVAL and changes nothing", "mremap(2)",
     [](const Bench& b) { map_faulted(b, 0, 4); },
     [](const Bench& b, bool) {
       expect_errno("mremap onto itself", EINVAL, try_move(b.at(0), 4, b.at(2)));
       expect_layout(b, {{0, 4}});
       expect_touched(b, 0, 4);
     }},
    {"private_write", "what a relative writes is its own", "do_wp_page()",
     [](const Bench& b) { map_faulted(b, 0, 4); },
     [](const Bench& b, bool) {
       protect(b.at(1), 2, PROT_READ);
       protect(b.at(1), 2, kReadWrite);
       touch(b.at(1), 2, {.generation = 1});
       must(in_child([&] {
         touch(b.at(1), 1, {.generation = 2});
         must(check_pages(b.at(1), 1, {.generation = 2}));
         must(check_pages(b.at(2), 1, {.generation = 1}));
       }));
       must(check_pages(b.at(1), 2, {.generation = 1}));
       expect_touched(b, 0, 1);
       expect_touched(b, 3, 4);
       expect_layout(b, {{0, 4}});
     }},
};

// The same moves home, judged by walks alone: where whoever looks can see no anon_vma, and as a
// second opinion where it can.
void reach_home(const Bench& b, bool before, bool after)
{
  const NoLooks walks_only;
  map_faulted(b, 2, 4);
  move(b.at(2), 2, b.at(100));
  if (before)
    map(b.at(0), 2);
  if (after)
    map(b.at(4), 2);
  move(b.at(100), 2, b.at(2));
  expect_touched(b, 2, 4);
  expect_reachable(b.at(2), 2);
  expect_touched(b, 2, 4);
}

}  // namespace

void add_merge_checks(std::vector<Check>& checks)
{
  const struct {
    const char* name;
    const char* summary;
    bool before, after;
  } homes[] = {{"home", "F moved away and home", false, false},
               {"home_after_U", "F moved home, where U lies before it now", true, false},
               {"home_before_U", "F moved home, where U lies after it now", false, true},
               {"home_between_U", "F moved home between two U", true, true}};
  for (const auto& home : homes)
    checks.push_back({.name = std::string("reach/") + home.name,
                      .summary = std::string(home.summary) + ": its pages can leave their place",
                      .source = kHome,
                      .run = [home](const Bench& b) { reach_home(b, home.before, home.after); }});
  for (const Scenario& scenario : kScenarios)
    for (const Kin kin : kAllKin)
      checks.push_back({.name = fmt::format("merge/{}/{}", scenario.name, to_string(kin)),
                        .summary = scenario.summary,
                        .source = scenario.source,
                        .run = [&scenario, kin](const Bench& bench) {
                          in_kin(
                              kin, [&] { scenario.before(bench); },
                              [&] { scenario.act(bench, is_fork_child(kin)); });
                        }});
}

}  // namespace rmaplab
