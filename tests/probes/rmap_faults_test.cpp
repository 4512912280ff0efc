// SPDX-License-Identifier: GPL-2.0-only
#include "probes/rmap_faults.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kStart = 0x1000000000;

ForestVma vma(std::uint64_t start, std::optional<AnonVmaId> anon_vma, std::vector<AnonVmaId> chain)
{
  return {.start = start,
          .end = start + 0x2000,
          .perms = "rw-p",
          .pgoff = start >> 12,
          .anon_vma = anon_vma,
          .chain = std::move(chain)};
}

AnonVma anon_vma(AnonVmaId root, std::uint64_t num_active_vmas)
{
  return {.root = root, .parent = root, .num_active_vmas = num_active_vmas};
}

// A parent with a faulted and an unfaulted VMA, and its fork child.
Forest family()
{
  return {.kernel = "6.18.5",
          .page_bytes = 4096,
          .processes = {{.pid = 100,
                         .ppid = 1,
                         .comm = "parent",
                         .vmas = {vma(kStart, 1, {1}), vma(kStart + 0x4000, {}, {})}},
                        {.pid = 101,
                         .ppid = 100,
                         .comm = "child",
                         .vmas = {vma(kStart, 2, {2, 1}), vma(kStart + 0x4000, {}, {})}}},
          .anon_vmas = {anon_vma(1, 1), anon_vma(1, 1)}};
}

std::string only_fault(const Forest& forest, const PagesOfVmas& pages = {})
{
  const auto faults = faults_of(forest, pages);
  return faults.size() == 1 ? faults[0] : std::to_string(faults.size()) + " faults";
}

bool holds(const std::string& text, const char* part)
{
  return text.find(part) != std::string::npos;
}

TEST(RmapFaults, AFamilyAsForkMakesItHasNone)
{
  EXPECT_EQ(faults_of(family(), {}), std::vector<std::string>{});
}

TEST(RmapFaults, PagesWithoutAnAnonVmaAreOneWithRangeProcessAndNumber)
{
  EXPECT_EQ(only_fault(family(), {{{100, kStart + 0x4000}, 2}}),
            "VMA 1000004000-1000006000 of process 100 (parent) has 2 anonymous pages and no "
            "anon_vma: no walk of the reverse mapping finds them");
}

TEST(RmapFaults, PagesOfSharedMemoryNeedNoAnonVma)
{
  Forest forest = family();
  forest.processes[0].vmas[1].perms = "rw-s";
  EXPECT_TRUE(faults_of(forest, {{{100, kStart + 0x4000}, 2}}).empty());
}

TEST(RmapFaults, OnlyPrivateMemoryWithoutAnAnonVmaIsToBeLookedInto)
{
  Forest forest = family();
  forest.processes[1].vmas[1].perms = "r--s";
  const auto vmas = vmas_without_anon_vma(forest);
  ASSERT_EQ(vmas.size(), 1u);
  EXPECT_EQ(vmas[0].first, 100);
  EXPECT_EQ(vmas[0].second.begin, kStart + 0x4000);
  forest.processes[0].vmas[1].mapping = Mapping::special;
  EXPECT_TRUE(vmas_without_anon_vma(forest).empty());
}

TEST(RmapFaults, AChainWithoutAnAnonVmaIsOne)
{
  Forest forest = family();
  forest.processes[0].vmas[1].chain = {1};
  EXPECT_TRUE(holds(only_fault(forest), "has a chain of 1 AVCs and no anon_vma"));
}

TEST(RmapFaults, AnAnonVmaOutsideOfTheChainIsOne)
{
  Forest forest = family();
  forest.processes[1].vmas[0].chain = {1};
  EXPECT_TRUE(holds(only_fault(forest), "has the anon_vma A2, which is not in its chain"));
  forest.processes[1].vmas[0].truncated = true;  // it may be in the rest
  EXPECT_TRUE(faults_of(forest, {}).empty());
}

TEST(RmapFaults, TwoRootsInAChainAreOne)
{
  Forest forest = family();
  forest.anon_vmas.push_back(anon_vma(3, 1));
  forest.processes[1].vmas[0].chain = {2, 1, 3};
  EXPECT_TRUE(holds(only_fault(forest), "two roots in its chain: A2 of A1, A3 of A3"));
}

TEST(RmapFaults, MoreVmasThanAreCountedAreOneFewerAreNot)
{
  Forest forest = family();
  forest.anon_vmas[0].num_active_vmas = 0;
  EXPECT_TRUE(holds(only_fault(forest), "A1 is the anon_vma of 1 VMAs and counts 0"));
  forest.anon_vmas[0].num_active_vmas = 3;  // a process that was not looked at has the others
  EXPECT_TRUE(faults_of(forest, {}).empty());
  forest.anon_vmas[0].num_active_vmas.reset();  // a kernel without the figure
  EXPECT_TRUE(faults_of(forest, {}).empty());
}

// 2 roots would be another tree: memory that the child mapped anew at the same place.
TEST(RmapFaults, AForkedCopyIsLinkedToAllThatItsSourceIsLinkedTo)
{
  Forest forest = family();
  forest.processes[1].vmas[0].chain = {2};
  EXPECT_TRUE(holds(only_fault(forest),
                    "of process 101 (child) was copied by a fork from process 100 and is not "
                    "linked to A1"));
  forest.anon_vmas[1].root = 2;
  EXPECT_TRUE(faults_of(forest, {}).empty());
}

TEST(RmapFaults, ACopyThatMovedOrHasAnotherOffsetHasNoSource)
{
  Forest forest = family();
  forest.processes[1].vmas[0].chain = {2};
  forest.processes[1].vmas[0].pgoff += 1;
  EXPECT_TRUE(faults_of(forest, {}).empty());
}

}  // namespace
}  // namespace rmaplab
