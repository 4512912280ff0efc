// SPDX-License-Identifier: GPL-2.0-only
#include "replay/verify.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "replay/replay_input.h"
#include "tests/replay/trace_builder.h"

namespace rmaplab
{
namespace
{

using E = TraceEvent;

// A program with one VMA and the vdso maps, forks and ends; so does its child.
Trace two_processes()
{
  Trace trace;
  trace.rows = {counted_row(E::exec, 1, 2),
                counted_row(E::vma, 1, 2),
                counted_row(E::vma, 1, 2, 0, kVmaSpecial),
                counted_row(E::mmap, 1, 3),
                counted_row(E::write, 1, 3),
                counted_row(E::fork, 1, 3, 2),
                counted_row(E::munmap, 2, 2),
                counted_row(E::exit, 2, 2),
                counted_row(E::exit, 1, 3)};
  return trace;
}

TEST(VmaLedger, SpecialVmasAreTakenOffOfChildrenToo)
{
  const Trace trace = two_processes();
  VmaLedger ledger(trace);
  ledger.found(2, 1);
  ledger.found(3, 2);
  ledger.found(5, 2);
  ledger.found(6, 1);
  ledger.found(7, 1);
  ledger.found(8, 2);
  const VmaFidelity fidelity = ledger.fidelity();
  EXPECT_EQ(fidelity.known, 6u);
  EXPECT_EQ(fidelity.counted, 6u);
  EXPECT_EQ(fidelity.equal, 6u);
  EXPECT_FALSE(fidelity.first);
  EXPECT_EQ(fidelity.processes, 2u);
  EXPECT_EQ(fidelity.peaks_equal, 2u);
  EXPECT_EQ(fidelity.ends_equal, 2u);
}

TEST(VmaLedger, NamesTheEarliestRowThatDiffers)
{
  const Trace trace = two_processes();
  VmaLedger ledger(trace);
  ledger.found(8, 7);
  ledger.found(3, 5);
  const VmaFidelity fidelity = ledger.fidelity();
  ASSERT_TRUE(fidelity.first);
  EXPECT_EQ(fidelity.first->row, 3u);
  EXPECT_EQ(fidelity.first->expected, 2);
  EXPECT_EQ(fidelity.first->found, 5);
  EXPECT_EQ(fidelity.peaks_equal, 0u);
  EXPECT_EQ(fidelity.ends_equal, 0u);
}

TEST(VmaLedger, RowsThatNobodyCountedStayKnown)
{
  const Trace trace = two_processes();
  VmaLedger ledger(trace);
  ledger.found(3, 2);
  ledger.found(4, 2);  // a touch: not one that is compared
  EXPECT_EQ(ledger.fidelity().known, 6u);
  EXPECT_EQ(ledger.fidelity().counted, 1u);
}

// Two lives of process 1, one of its child: an exec, a fork, an exec.
Trace three_lives()
{
  auto counts = [](std::uint32_t process, std::int64_t vmas, std::int64_t anon_vmas,
                   std::int64_t chains) {
    return std::vector<TraceRow>{counted_row(E::alloc_vm_area_struct, process, -1, vmas),
                                 counted_row(E::alloc_anon_vma, process, -1, anon_vmas),
                                 counted_row(E::alloc_anon_vma_chain, process, -1, chains)};
  };
  Trace trace;
  auto add = [&trace](const std::vector<TraceRow>& rows) {
    trace.rows.insert(trace.rows.end(), rows.begin(), rows.end());
  };
  add({counted_row(E::exec, 1, 2), counted_row(E::vma, 1, -1),
       counted_row(E::vma, 1, -1, 0, kVmaSpecial), counted_row(E::fork, 1, 3, 2)});
  add(counts(2, 4, 2, 3));
  add({counted_row(E::exit, 2, 2)});
  add(counts(1, 5, 1, 2));
  add({counted_row(E::exec, 1, 2), counted_row(E::vma, 1, -1)});
  add(counts(1, 7, 3, 4));
  add({counted_row(E::exit, 1, 3)});
  return trace;
}

constexpr std::size_t kFirstLayout = 2, kSecondLayout = 12;

// What a recording of a faithful replay counts: on top of three_lives() what the layouts of two
// programs took, and the player's five VMAs less the special one at the fork.
Trace its_replay()
{
  Trace replay = three_lives();
  for (TraceRow& r : replay.rows) {
    const bool first_life = &r < &replay.rows[kSecondLayout];
    if (r.process != 1)
      continue;
    if (r.event == E::alloc_vm_area_struct)
      r.result += first_life ? 10 + 4 : 20;
    if (r.event == E::alloc_anon_vma || r.event == E::alloc_anon_vma_chain)
      r.result += first_life ? 1 : 2;
  }
  return replay;
}

TEST(ObjectLedger, LayoutsAndThePlayersVmasAreTakenOff)
{
  ObjectLedger ledger(three_lives());
  ledger.laid_out(kFirstLayout, {10, 1, 1}, 5);
  ledger.laid_out(kSecondLayout, {20, 2, 2}, 5);
  const ObjectFidelity fidelity = ledger.fidelity(its_replay());
  EXPECT_EQ(fidelity.lives, 3u);
  EXPECT_EQ(fidelity.compared, 3u);
  EXPECT_EQ(fidelity.equal, 3u);
  EXPECT_EQ(fidelity.expected, (ObjectCounts{16, 6, 9}));
  EXPECT_EQ(fidelity.found, fidelity.expected);
  EXPECT_EQ(fidelity.common, fidelity.expected);
  EXPECT_FALSE(fidelity.first);
}

TEST(ObjectLedger, ALifeThatDiffersIsNamedByItsRow)
{
  const Trace trace = three_lives();
  ObjectLedger ledger(trace);
  ledger.laid_out(kFirstLayout, {10, 1, 1}, 5);
  ledger.laid_out(kSecondLayout, {20, 2, 2}, 5);
  Trace replay = its_replay();
  replay.rows[5].result = 9;  // the child's anon_vmas
  const ObjectFidelity fidelity = ledger.fidelity(replay);
  EXPECT_EQ(fidelity.equal, 2u);
  EXPECT_EQ(fidelity.found[1], fidelity.expected[1] + 7);
  EXPECT_EQ(fidelity.common[1], fidelity.expected[1]);
  ASSERT_TRUE(fidelity.first);
  EXPECT_EQ(fidelity.first->row, 5u);
  EXPECT_EQ(fidelity.first->expected, 2);
  EXPECT_EQ(fidelity.first->found, 9);
}

TEST(ObjectLedger, WhoseLayoutNobodySawIsNotCompared)
{
  ObjectLedger ledger(three_lives());
  ledger.laid_out(kSecondLayout, {20, 2, 2}, 5);
  const ObjectFidelity fidelity = ledger.fidelity(its_replay());
  EXPECT_EQ(fidelity.lives, 3u);
  EXPECT_EQ(fidelity.compared, 1u);  // the child's fork is of a layout that is not known
}

TEST(TouchFidelity, RefusedTouchesCountWhereTheTraceHasAMapping)
{
  const Trace trace = TraceBuilder()
                          .map(kTestPlace, 1)
                          .write(kTestPlace)
                          .write(kTestPlace + kTestPage)
                          .fork(2, 2)
                          .as(2, 2)
                          .read(kTestPlace)
                          .exit()
                          .as(1, 1)
                          .exit()
                          .take();
  const auto touches = touch_fidelity(trace, {3}, {3, 5}, 3);
  EXPECT_EQ(touches.recorded, 3u);
  EXPECT_EQ(touches.outside, 1u);
  EXPECT_EQ(touches.refused, 1u);
  EXPECT_EQ(touches.missing, 0u);
  EXPECT_EQ(touches.equal(), 2u);
  EXPECT_EQ(touches.first, 5u);
  EXPECT_EQ(touches.processes.at(1).refused, 0u);
  EXPECT_EQ(touches.processes.at(2).refused, 1u);
  EXPECT_EQ(touch_fidelity(trace, {}, {}, 1).missing, 2u);
}

TEST(LimitText, IsToldWhereTheProgramWasAtTheLimitOfVmas)
{
  Trace trace;
  trace.rows = {counted_row(E::exec, 1, 2), counted_row(E::mprotect, 1, 65'528),
                counted_row(E::write, 1, -1), counted_row(E::exec, 2, 3),
                counted_row(E::mprotect, 1, 65'530)};
  EXPECT_NE(limit_text(trace, 4, -ENOMEM, 65'530).find("the program had 65530 VMAs"),
            std::string::npos);
  EXPECT_NE(limit_text(trace, 2, -ENOMEM, 65'530).find("the program had 65528 VMAs"),
            std::string::npos);
  EXPECT_EQ(limit_text(trace, 4, -EINVAL, 65'530), "");
  EXPECT_EQ(limit_text(trace, 4, -ENOMEM, 1'000'000), "");
  EXPECT_EQ(limit_text(trace, 3, -ENOMEM, 65'530), "");
  EXPECT_EQ(limit_text(trace, 5, -ENOMEM, 65'530), "");
}

}  // namespace
}  // namespace rmaplab
