// SPDX-License-Identifier: GPL-2.0-only
#include "replay/compile.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include "base/relocate_flags.h"
#include "tests/replay/trace_builder.h"

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kPage = kTestPage;
constexpr std::uint64_t kAt = kTestPlace;

CompiledProgram compiled(const Trace& trace, const CompileOptions& options = {})
{
  auto program = compile(trace, options);
  if (!program) {
    ADD_FAILURE() << to_string(program.error());
    return {};
  }
  return *std::move(program);
}

TEST(Compile, AChosenAddressBecomesADemand)
{
  const auto program = compiled(TraceBuilder().map(kAt, 1).exit().take());
  ASSERT_EQ(program.ops.size(), 2u);
  const Op& map = program.ops[0];
  EXPECT_EQ(map.number, SYS_mmap);
  EXPECT_EQ(map.a3, static_cast<std::uint32_t>(kTestPrivate | MAP_FIXED_NOREPLACE));
  EXPECT_EQ(map.expected, static_cast<std::int64_t>(map.a0));
  EXPECT_GE(map.a0, kReplayArenaBegin);
}

TEST(Compile, MapFixedStaysMapFixed)
{
  const auto program =
      compiled(TraceBuilder().map(kAt, 1, PROT_READ, kTestPrivate | MAP_FIXED).exit().take());
  EXPECT_EQ(program.ops[0].a3, static_cast<std::uint32_t>(kTestPrivate | MAP_FIXED));
}

TEST(Compile, AMoveGoesWhereItWent)
{
  const auto program =
      compiled(TraceBuilder().map(kAt, 1).remap(kAt, 1, kAt + 8 * kPage, 2).exit().take());
  const Op& move = program.ops[1];
  EXPECT_EQ(move.a3, static_cast<std::uint32_t>(MREMAP_MAYMOVE | MREMAP_FIXED));
  EXPECT_EQ(move.a4, move.a0 + 8 * kPage);
  EXPECT_EQ(move.expected, static_cast<std::int64_t>(move.a4));
}

TEST(Compile, OnlyMovesThatWentElsewhereAreRelocated)
{
  const Trace trace = TraceBuilder()
                          .map(kAt, 1)
                          .remap(kAt, 1, kAt + 8 * kPage, 2)
                          .remap(kAt + 8 * kPage, 2, kAt + 8 * kPage, 1)
                          .exit()
                          .take();
  const auto program = compile(trace, {.relocate = true});
  ASSERT_TRUE(program) << to_string(program.error());
  EXPECT_EQ(program->ops[1].a3,
            static_cast<std::uint32_t>(MREMAP_MAYMOVE | MREMAP_FIXED | kRelocateAnon));
  EXPECT_EQ(program->ops[2].a3, 0u);
  EXPECT_EQ(program->moves, 1u);
}

TEST(Compile, AResizeInPlaceMayNotMove)
{
  const auto program = compiled(TraceBuilder().map(kAt, 1).remap(kAt, 1, kAt, 2).exit().take());
  EXPECT_EQ(program.ops[1].a3, 0u);
}

TEST(Compile, TheBreakBecomesMappingsOfTheDifference)
{
  constexpr std::uint64_t kHeap = 0x5555'5557'9010;
  const auto program = compiled(TraceBuilder()
                                    .brk(0, kHeap)
                                    .brk(kHeap + 8, kHeap + 8)  // in the same page
                                    .brk(kHeap + 2 * kPage, kHeap + 2 * kPage)
                                    .brk(~0ull, kHeap + 2 * kPage)  // failed
                                    .brk(kHeap, kHeap)
                                    .exit()
                                    .take());
  ASSERT_EQ(program.ops.size(), 3u);
  EXPECT_EQ(program.ops[0].number, SYS_mmap);
  EXPECT_EQ(program.ops[0].a1, 2 * kPage);
  EXPECT_EQ(program.ops[0].a0 % (1ull << 30), 0x5555'5557'a000 % (1ull << 30));
  EXPECT_EQ(program.ops[1].number, SYS_munmap);
  EXPECT_EQ(program.ops[1].a1, 2 * kPage);
  EXPECT_EQ(program.calls, 2u);
}

TEST(Compile, AHeapThatWasThereAtTheStartIsFound)
{
  constexpr std::uint64_t kHeap = 0x5555'5557'9000;
  Trace trace = TraceBuilder()
                    .vma(kHeap, 33, PROT_READ | PROT_WRITE, kTestPrivate | kVmaHasAnonVma)
                    .brk(kHeap + 40 * kPage, kHeap + 40 * kPage)
                    .exit()
                    .take();
  trace.rows[0].event = TraceEvent::start;
  const auto program = compiled(trace);
  ASSERT_EQ(program.ops.size(), 4u);
  EXPECT_EQ(program.ops[2].a0, program.ops[0].a0 + 33 * kPage);
  EXPECT_EQ(program.ops[2].a1, 7 * kPage);
  EXPECT_EQ(program.not_replayed, 0u);
}

TEST(Compile, HugePagesOfAPoolAreASharedFileOfTheirOwn)
{
  const auto program =
      compiled(TraceBuilder()
                   .map(kAt, 2, PROT_READ, MAP_PRIVATE, 1)
                   .map(0x7f20'0000'0000, 100, PROT_READ | PROT_WRITE, kTestPrivate | MAP_HUGETLB)
                   .exit()
                   .take());
  EXPECT_EQ(program.ops[1].a1, 2u << 20);
  EXPECT_EQ(program.ops[1].a3, static_cast<std::uint32_t>(MAP_SHARED | MAP_FIXED_NOREPLACE));
  EXPECT_EQ(program.ops[1].a4, 2u);
  EXPECT_EQ(program.file_bytes.size(), 3u);
}

TEST(Compile, NumbersBeyondTheCountOfRowsAreRefused)
{
  for (const TraceRow& hostile :
       {TraceRow{.event = TraceEvent::fork, .length = 1u << 31, .result = 2},
        TraceRow{.event = TraceEvent::thread, .result = 1ll << 40},
        TraceRow{.event = TraceEvent::mmap, .file = ~0u}}) {
    const auto program = compile(TraceBuilder().row(hostile).exit().take(), {});
    ASSERT_FALSE(program);
    EXPECT_EQ(program.error().code, Errc::parse);
    EXPECT_EQ(program.error().context.rfind("row 2: ", 0), 0u) << program.error().context;
  }
}

TEST(Compile, AChildKnowsItsParentsBreak)
{
  constexpr std::uint64_t kHeap = 0x5555'5557'9000;
  const auto program = compiled(TraceBuilder()
                                    .brk(0, kHeap)
                                    .fork(2, 2)
                                    .as(2, 2)
                                    .brk(kHeap + kPage, kHeap + kPage)
                                    .exit()
                                    .as(1, 1)
                                    .brk(kHeap + 2 * kPage, kHeap + 2 * kPage)
                                    .exit()
                                    .take());
  EXPECT_EQ(program.ops[1].a1, kPage);
  EXPECT_EQ(program.ops[3].a1, 2 * kPage);
}

TEST(Compile, AFileIsAsLongAsItsLastPageMapped)
{
  const auto program = compiled(TraceBuilder()
                                    .map(kAt, 2, PROT_READ, MAP_PRIVATE, 3, 4 * kPage)
                                    .map(kAt + 8 * kPage, 1, PROT_READ, MAP_SHARED, 3)
                                    .exit()
                                    .take());
  ASSERT_EQ(program.file_bytes.size(), 4u);
  EXPECT_GE(program.file_bytes[3], 6 * kPage);
  EXPECT_EQ(program.file_bytes[1], 0u);
  EXPECT_EQ(program.file_ops.size(), 2u);
}

TEST(Compile, SpecialMappingsAreTheKernelsBusiness)
{
  const auto program =
      compiled(TraceBuilder().vma(kAt, 2, PROT_READ, kTestPrivate | kVmaSpecial).exit().take());
  EXPECT_EQ(program.ops.size(), 1u);
}

TEST(Compile, AReadOnlyMappingWithAnAnonVmaIsWrittenBefore)
{
  const auto program = compiled(
      TraceBuilder().vma(kAt, 2, PROT_READ, MAP_PRIVATE | kVmaHasAnonVma, 1).exit().take());
  ASSERT_EQ(program.ops.size(), 4u);
  EXPECT_EQ(program.ops[0].a2, static_cast<std::uint64_t>(PROT_READ | PROT_WRITE));
  EXPECT_EQ(program.ops[1].kind, OpKind::store);
  EXPECT_EQ(program.ops[1].a0, program.ops[0].a0 + kPage);
  EXPECT_EQ(program.ops[2].number, SYS_mprotect);
  EXPECT_EQ(program.mappings, 2u);
  EXPECT_EQ(program.calls, 0u);
}

TEST(Compile, AnAdviceThatTakesPagesFromTheMachineIsLeftOut)
{
  const auto program = compiled(
      TraceBuilder()
          .map(kAt, 1)
          .row({.event = TraceEvent::madvise, .address = kAt, .length = kPage, .flags = 100})
          .exit()
          .take());
  EXPECT_EQ(program.not_replayed, 1u);
  ASSERT_EQ(program.left_out.size(), 1u);
  EXPECT_EQ(program.left_out[0].first, 2u);
  EXPECT_EQ(program.ops.size(), 2u);
}

TEST(Compile, WhatARightOrALimitRefusedIsLeftOutByReason)
{
  auto failed = [](std::uint64_t length, int result, std::uint64_t flags = kTestPrivate,
                   std::int32_t vmas = 20) {
    return TraceRow{.event = TraceEvent::mmap,
                    .length = length,
                    .flags = flags,
                    .prot = PROT_READ,
                    .result = result,
                    .vmas = vmas};
  };
  const auto program = compiled(TraceBuilder()
                                    .map(kAt, 2)
                                    .protect(kAt, 1, PROT_READ, -13)
                                    .protect(kAt, 1, PROT_READ, -1)
                                    .row(failed(32 << 20, -12))
                                    .row(failed(1ull << 62, -12))
                                    .row(failed(32 << 20, -12, kTestPrivate, 65530))
                                    .row(failed(kPage, -11, kTestPrivate | MAP_LOCKED))
                                    .exit()
                                    .take());
  EXPECT_EQ(program.calls, 3u);
  EXPECT_EQ(program.not_replayed, 4u);
  ASSERT_EQ(program.left_out.size(), 3u);
  EXPECT_EQ(program.left_out[0].rows, 2u);
  EXPECT_EQ(program.left_out[0].first, 2u);
  EXPECT_EQ(program.left_out[1].first, 4u);
  EXPECT_EQ(program.left_out[2].first, 7u);
}

TEST(Compile, AFailedMappingFillsNothingWhereItSucceeds)
{
  const auto program = compiled(TraceBuilder()
                                    .row({.event = TraceEvent::mmap,
                                          .length = 1ull << 62,
                                          .flags = kTestPrivate | MAP_POPULATE,
                                          .prot = PROT_READ,
                                          .result = -12})
                                    .exit()
                                    .take());
  EXPECT_EQ(program.ops[0].a3 & MAP_POPULATE, 0u);
}

TEST(Compile, NoRangeBeginsOutsideTheArena)
{
  for (const std::uint64_t address :
       {std::uint64_t{0}, kPlayerText, kControlAddress, kProgramAddress, std::uint64_t{1} << 63,
        ~std::uint64_t{4095}}) {
    const auto program = compiled(
        TraceBuilder()
            .row({.event = TraceEvent::munmap, .address = address, .length = kPage, .result = -22})
            .exit()
            .take());
    const std::uint64_t at = program.ops[0].a0;
    EXPECT_TRUE(at >= kReplayArenaBegin) << std::hex << address << " becomes " << at;
  }
}

TEST(Compile, TreeOrderPutsAProcessesRowsTogether)
{
  const auto program = compiled(TraceBuilder()
                                    .fork(2, 2)
                                    .as(2, 2)
                                    .map(kAt, 1)
                                    .as(1, 1)
                                    .map(kAt, 2)
                                    .as(2, 2)
                                    .exit()
                                    .as(1, 1)
                                    .wait(2)
                                    .exit()
                                    .take(),
                                {.order = ReplayOrder::tree});
  std::vector<std::uint32_t> rows = {1, 3, 5, 6, 2, 4};
  EXPECT_EQ(program.rows, rows);
  EXPECT_EQ(program.processes[2].first_op, 4u);
  EXPECT_EQ(program.processes[2].exit_op, 5u);
  EXPECT_EQ(program.ops[0].a2, 4u);
}

TEST(Compile, ATraceBeginsWithAnAddressSpace)
{
  const auto program = compile({.header = {}, .rows = {{.process = 1, .thread = 1}}}, {});
  ASSERT_TRUE(program);  // start
  const auto none =
      compile({.header = {}, .rows = {{.process = 1, .thread = 1, .event = TraceEvent::mmap}}}, {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::parse);
}

TEST(KnownVmas, ALayoutHasTheCountOfItsExecAtItsLastRow)
{
  Trace trace;
  trace.rows = {counted_row(TraceEvent::exec, 1, 2), counted_row(TraceEvent::vma, 1, -1),
                counted_row(TraceEvent::vma, 1, -1), counted_row(TraceEvent::mmap, 1, 3),
                counted_row(TraceEvent::write, 1, 3)};
  const std::int32_t expected[] = {-1, -1, 2, 3, -1};
  for (std::size_t i = 0; i < trace.rows.size(); ++i)
    EXPECT_EQ(known_vmas(trace, i), expected[i]) << "row " << i;
}

TEST(BusiestMoment, SumsLivingProcessesWithoutSpecialVmas)
{
  Trace trace;
  trace.rows = {counted_row(TraceEvent::exec, 1, 3),
                counted_row(TraceEvent::vma, 1, -1),
                counted_row(TraceEvent::vma, 1, -1, 0, kVmaSpecial),
                counted_row(TraceEvent::fork, 1, 3, 2),
                counted_row(TraceEvent::mmap, 2, 7),  // 2 of the parent, 6 of the child
                counted_row(TraceEvent::exit, 2, 7),
                counted_row(TraceEvent::mmap, 1, 8)};  // 7, alone
  const BusiestMoment busiest = busiest_moment(trace);
  EXPECT_EQ(busiest.row, 4u);
  EXPECT_EQ(busiest.vmas, 8);
}

TEST(BusiestMoment, WithoutCountsThereIsNone)
{
  Trace trace;
  trace.rows = {counted_row(TraceEvent::exec, 1, -1), counted_row(TraceEvent::mmap, 1, -1)};
  EXPECT_EQ(busiest_moment(trace).row, kNoRow);
}

TEST(Compile, AProtectionKeyIsAProtectionAndAMark)
{
  TraceBuilder builder;
  builder.map(kTestPlace, 4);
  for (const std::uint64_t key : {std::uint64_t{3}, std::uint64_t{0}})
    builder.row({.event = TraceEvent::pkey_mprotect,
                 .address = kTestPlace,
                 .length = kTestPage,
                 .flags = key,
                 .prot = PROT_READ});
  const auto program = compile(builder.exit().take(), {});
  ASSERT_TRUE(program) << to_string(program.error());
  EXPECT_EQ(program->calls, 3u);
  std::vector<std::pair<long, std::uint64_t>> found;  // number and third argument
  for (const Op& op : program->ops)
    if (op.kind == OpKind::call && op.number != SYS_mmap)
      found.emplace_back(op.number, op.a2);
  EXPECT_EQ(found, (std::vector<std::pair<long, std::uint64_t>>{{SYS_mprotect, PROT_READ},
                                                                {SYS_madvise, MADV_RANDOM},
                                                                {SYS_mprotect, PROT_READ},
                                                                {SYS_madvise, MADV_NORMAL}}));
}

}  // namespace
}  // namespace rmaplab
