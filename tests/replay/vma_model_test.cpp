// SPDX-License-Identifier: GPL-2.0-only
#include "replay/vma_model.h"

#include <gtest/gtest.h>
#include <linux/prctl.h>

#include <cerrno>

#include "tests/replay/trace_builder.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kAt = kTestPlace;
constexpr int kRw = PROT_READ | PROT_WRITE;

std::uint64_t page(std::uint64_t number)
{
  return kAt + number * kTestPage;
}

class VmaModelTest : public testing::Test
{
 protected:
  // VMAs after the rows, from an empty address space.
  std::size_t after(TraceBuilder& rows)
  {
    const Trace trace = rows.take();
    for (const TraceRow& row : trace.rows)
      model_.apply(row, static_cast<std::uint32_t>(row.event));
    return model_.vmas().size();
  }
  TraceBuilder& advise(TraceBuilder& rows, std::uint64_t address, std::uint64_t pages,
                       std::uint64_t advice, std::int64_t result = 0)
  {
    return rows.row({.event = TraceEvent::madvise,
                     .address = address,
                     .length = pages * kTestPage,
                     .flags = advice,
                     .result = result});
  }
  VmaRules rules_;
  VmaNumbers numbers_;
  VmaModel model_{rules_, numbers_};
};

TEST_F(VmaModelTest, NeighboursOfOneKindAreOneVma)
{
  TraceBuilder rows;
  rows.map(page(0), 1).map(page(2), 1).map(page(1), 1);
  EXPECT_EQ(after(rows), 1u);
}

TEST_F(VmaModelTest, AProtectionSplitsAndTheOldOneMerges)
{
  TraceBuilder rows;
  rows.map(page(0), 3).protect(page(1), 1, PROT_READ);
  EXPECT_EQ(after(rows), 3u);
  TraceBuilder back;
  back.protect(page(1), 1, kRw);
  EXPECT_EQ(after(back), 1u);
}

TEST_F(VmaModelTest, AChangeUpToANeighbourOfThatKindMovesTheBorder)
{
  TraceBuilder rows;
  rows.map(page(0), 4).protect(page(2), 2, PROT_READ).protect(page(1), 1, PROT_READ);
  EXPECT_EQ(after(rows), 2u);
  EXPECT_EQ(model_.vmas().begin()->second.end, page(1));
}

TEST_F(VmaModelTest, AChangeThatEndsInsideTheNeighbourItMergesWithEnds)
{
  TraceBuilder rows;
  rows.map(page(0), 4).protect(page(0), 2, PROT_READ).protect(page(1), 3, PROT_READ);
  EXPECT_EQ(after(rows), 1u);
}

TEST_F(VmaModelTest, AdviceSplitsByItsFlagAndGoesOnBehindAHole)
{
  TraceBuilder rows;
  rows.map(page(0), 8).unmap(page(3), 1);
  advise(rows, page(2), 4, MADV_DONTFORK, -ENOMEM);
  EXPECT_EQ(after(rows), 4u);
  TraceBuilder undone;
  advise(undone, page(2), 4, MADV_DOFORK, -ENOMEM);
  EXPECT_EQ(after(undone), 2u);
}

TEST_F(VmaModelTest, AProtectionEndsAtAHole)
{
  TraceBuilder rows;
  rows.map(page(0), 2).map(page(4), 2).protect(page(1), 4, PROT_READ, -ENOMEM);
  EXPECT_EQ(after(rows), 3u);
}

TEST_F(VmaModelTest, PagesWrittenApartStayApart)
{
  TraceBuilder rows;
  rows.map(page(0), 1).write(page(0)).map(page(2), 1).write(page(2)).map(page(1), 1);
  EXPECT_EQ(after(rows), 2u);  // the one between goes with the lower
}

TEST_F(VmaModelTest, AnAnonVmaIsSharedWithANeighbourThatOnlyItsProtectionKeepsApart)
{
  TraceBuilder rows;
  rows.map(page(0), 2).protect(page(1), 1, PROT_NONE).write(page(0));
  rows.protect(page(1), 1, kRw);
  EXPECT_EQ(after(rows), 1u);
}

TEST_F(VmaModelTest, BeforeTheMergeFixUnfaultedMemoryTookNoFaultedIn)
{
  for (const bool takes : {true, false}) {
    rules_.unfaulted_takes = takes;
    model_ = VmaModel(rules_, numbers_);
    TraceBuilder rows;
    rows.map(page(0), 2);
    advise(rows, page(1), 1, MADV_DONTFORK).write(page(1));
    advise(rows, page(1), 1, MADV_DOFORK);
    EXPECT_EQ(after(rows), takes ? 1u : 2u) << takes;
  }
}

TEST_F(VmaModelTest, AForksChildHasAnonVmasOfItsOwnThatDoNotMerge)
{
  TraceBuilder rows;
  rows.map(page(0), 3).write(page(0)).protect(page(1), 1, PROT_READ);
  EXPECT_EQ(after(rows), 3u);
  const VmaModel parent = model_;
  model_ = parent.forked();
  TraceBuilder back;
  back.protect(page(1), 1, kRw);
  EXPECT_EQ(after(back), 3u);
  model_ = parent;
  TraceBuilder parents;
  parents.protect(page(1), 1, kRw);
  EXPECT_EQ(after(parents), 1u);
}

TEST_F(VmaModelTest, AForkLeavesOutWhatIsNotToBeForked)
{
  TraceBuilder rows;
  rows.map(page(0), 3);
  advise(rows, page(1), 1, MADV_DONTFORK);
  EXPECT_EQ(after(rows), 3u);
  EXPECT_EQ(model_.forked().vmas().size(), 2u);
}

TEST_F(VmaModelTest, ChildsMemoryThatIsWipedIsAsNew)
{
  TraceBuilder rows;
  rows.map(page(0), 1).write(page(0));
  advise(rows, page(0), 1, MADV_WIPEONFORK);
  after(rows);
  EXPECT_EQ(model_.forked().vmas().begin()->second.anon_vma, 0u);
}

TEST_F(VmaModelTest, FileOffsetsDecideWhetherNeighboursMerge)
{
  TraceBuilder rows;
  rows.map(page(1), 1, kRw, MAP_SHARED, 1, kTestPage).map(page(0), 1, kRw, MAP_SHARED, 1, 0);
  EXPECT_EQ(after(rows), 1u);
  TraceBuilder wrong;
  wrong.map(page(2), 1, kRw, MAP_SHARED, 1, 0).map(page(3), 1, kRw, MAP_SHARED, 2, kTestPage);
  EXPECT_EQ(after(wrong), 3u);
}

TEST_F(VmaModelTest, MovedMemoryTakesItsOffsetAlongOnceItWasWritten)
{
  TraceBuilder unwritten;
  unwritten.map(page(0), 2).map(page(10), 1).remap(page(10), 1, page(2), 1);
  EXPECT_EQ(after(unwritten), 1u);
  TraceBuilder written;
  written.unmap(page(0), 3).map(page(0), 2).map(page(10), 1).write(page(10));
  written.remap(page(10), 1, page(2), 1);
  EXPECT_EQ(after(written), 2u);
}

TEST_F(VmaModelTest, AMappingThatGrowsInPlaceReachesItsNeighbour)
{
  TraceBuilder rows;
  rows.map(page(0), 1).map(page(3), 1).remap(page(0), 1, page(0), 3);
  EXPECT_EQ(after(rows), 1u);
}

TEST_F(VmaModelTest, LockedMemoryIsAVmaOfItsOwnAndHasAnAnonVma)
{
  TraceBuilder rows;
  rows.map(page(0), 3);
  rows.row({.event = TraceEvent::mlock, .address = page(1), .length = kTestPage});
  EXPECT_EQ(after(rows), 3u);
  EXPECT_NE(model_.vmas().at(page(1)).anon_vma, 0u);
  EXPECT_EQ(model_.vmas().at(page(0)).anon_vma, 0u);
  TraceBuilder undone;
  undone.row({.event = TraceEvent::munlockall});
  EXPECT_EQ(after(undone), 1u);
}

TEST_F(VmaModelTest, ANameSplits)
{
  TraceBuilder rows;
  rows.map(page(0), 3);
  rows.row({.event = TraceEvent::prctl,
            .address = 0,
            .length = page(1),
            .new_length = kTestPage,
            .flags = PR_SET_VMA});
  EXPECT_EQ(after(rows), 3u);
}

TEST_F(VmaModelTest, AKeySplits)
{
  TraceBuilder rows;
  rows.map(page(0), 3);
  rows.row({.event = TraceEvent::pkey_mprotect,
            .address = page(1),
            .length = kTestPage,
            .flags = 1,
            .prot = kRw});
  EXPECT_EQ(after(rows), 3u);
}

// mmap() without write permission is not accounted; made writable it is, and merges.
TEST_F(VmaModelTest, AccountingFollowsTheProtection)
{
  TraceBuilder rows;
  rows.map(page(0), 1, PROT_NONE).map(page(1), 1).protect(page(0), 1, kRw);
  EXPECT_EQ(after(rows), 1u);
  // Written, it stays accounted when it is no longer writable: another flag than a new one's.
  TraceBuilder written;
  written.write(page(0)).protect(page(0), 2, PROT_NONE).map(page(2), 1, PROT_NONE);
  EXPECT_EQ(after(written), 2u);
}

TEST_F(VmaModelTest, TheLowestPartOfASplitStaysItsMakers)
{
  TraceBuilder rows;
  rows.map(page(0), 3).protect(page(1), 1, PROT_READ);
  after(rows);
  const auto maker = [this](std::uint64_t at) {
    return static_cast<TraceEvent>(model_.vmas().at(at).maker);
  };
  EXPECT_EQ(maker(page(0)), TraceEvent::mmap);
  EXPECT_EQ(maker(page(1)), TraceEvent::mprotect);
  EXPECT_EQ(maker(page(2)), TraceEvent::mprotect);
}

TEST_F(VmaModelTest, WithoutFaultsNoAnonVmaIsMade)
{
  rules_.faults_known = false;
  model_ = VmaModel(rules_, numbers_);
  TraceBuilder rows;
  rows.map(page(0), 1, kRw, kTestPrivate | MAP_POPULATE);
  after(rows);
  EXPECT_EQ(model_.vmas().begin()->second.anon_vma, 0u);
}

}  // namespace
}  // namespace rmaplab
