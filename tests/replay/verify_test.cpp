// SPDX-License-Identifier: GPL-2.0-only
#include "replay/verify.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

using E = TraceEvent;

TraceRow row(E event, std::uint32_t process, std::int32_t vmas, std::int64_t result = 0,
             std::uint64_t flags = 0)
{
  return {.process = process,
          .thread = process,
          .event = event,
          .flags = flags,
          .result = result,
          .vmas = vmas};
}

// A program with one VMA and the vdso maps, forks and ends; so does its child.
Trace two_processes()
{
  Trace trace;
  trace.rows = {row(E::exec, 1, 2),   row(E::vma, 1, 2),   row(E::vma, 1, 2, 0, kVmaSpecial),
                row(E::mmap, 1, 3),   row(E::write, 1, 3), row(E::fork, 1, 3, 2),
                row(E::munmap, 2, 2), row(E::exit, 2, 2),  row(E::exit, 1, 3)};
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

}  // namespace
}  // namespace rmaplab
