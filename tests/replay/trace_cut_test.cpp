// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_cut.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "replay/trace_io.h"
#include "replay/trace_why.h"
#include "replay/validate.h"
#include "tests/replay/trace_builder.h"
#include "tests/replay/trace_text.h"

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kEnd = std::numeric_limits<std::uint64_t>::max();

Trace small_trace()
{
  return *parse_trace("t.csv", trace_of(kSmallRows));
}

std::size_t rows_of(const Trace& trace, TraceEvent event, std::uint32_t process)
{
  return static_cast<std::size_t>(std::count_if(
      trace.rows.begin(), trace.rows.end(),
      [&](const TraceRow& row) { return row.event == event && row.process == process; }));
}

void expect_valid(const Trace& trace)
{
  const auto valid = validate_trace("part", trace);
  EXPECT_TRUE(valid) << to_string(valid.error());
}

TEST(TraceCut, AProcessHasItsAncestorsUntilTheyForkedIt)
{
  const auto part = cut_process(small_trace(), 2, false);
  ASSERT_TRUE(part) << to_string(part.error());
  expect_valid(*part);
  EXPECT_EQ(rows_of(*part, TraceEvent::munmap, 2), 2u);
  EXPECT_EQ(rows_of(*part, TraceEvent::mmap, 1), 1u);
  EXPECT_EQ(rows_of(*part, TraceEvent::mremap, 1), 0u);  // after the fork
  EXPECT_EQ(rows_of(*part, TraceEvent::alloc_anon_vma, 2), 1u);
  EXPECT_EQ(part->rows.back().event, TraceEvent::exit);
  EXPECT_EQ(part->rows.back().vmas, -1);  // that of a life without its last rows
  EXPECT_NE(part->header.note.find("cut to process 2: "), std::string::npos);
}

TEST(TraceCut, OthersAreLeftOutAndNumbersAreNew)
{
  TraceBuilder rows;
  rows.vma(kTestPlace, 1, PROT_READ | PROT_WRITE, kTestPrivate);
  rows.fork(2, 2).fork(3, 3).as(2, 2).write(kTestPlace).exit();
  rows.as(3, 3).thread(4).write(kTestPlace).exit().as(1, 1).wait(2).wait(3).exit();
  const auto part = cut_process(rows.take(), 3, false);
  ASSERT_TRUE(part);
  expect_valid(*part);
  EXPECT_EQ(rows_of(*part, TraceEvent::write, 2), 1u);
  EXPECT_EQ(rows_of(*part, TraceEvent::fork, 1), 1u);
  EXPECT_NE(part->header.note.find("it is process 2 now"), std::string::npos);
}

TEST(TraceCut, DescendantsComeWithTheTreeAlone)
{
  TraceBuilder rows;
  rows.fork(2, 2).as(2, 2).fork(3, 3).as(3, 3).exit().as(2, 2).exit().as(1, 1).exit();
  const Trace trace = rows.take();
  const auto alone = cut_process(trace, 2, false);
  const auto tree = cut_process(trace, 2, true);
  ASSERT_TRUE(alone && tree);
  expect_valid(*alone);
  expect_valid(*tree);
  EXPECT_EQ(rows_of(*alone, TraceEvent::fork, 2), 0u);
  EXPECT_EQ(rows_of(*tree, TraceEvent::fork, 2), 1u);
}

TEST(TraceCut, WhoSharesTheMemoryEndsAtItsExec)
{
  TraceBuilder rows;
  rows.vma(kTestPlace, 1, PROT_READ | PROT_WRITE, kTestPrivate);
  rows.fork(2, 2, 1).as(2, 2).write(kTestPlace).exec().read(kTestPlace).exit();
  rows.as(1, 1).wait(2).exit();
  const auto part = cut_process(rows.take(), 1, false);
  ASSERT_TRUE(part);
  expect_valid(*part);
  EXPECT_EQ(rows_of(*part, TraceEvent::write, 2), 1u);
  EXPECT_EQ(rows_of(*part, TraceEvent::exec, 2), 0u);
  EXPECT_EQ(rows_of(*part, TraceEvent::read, 2), 0u);
  EXPECT_EQ(rows_of(*part, TraceEvent::exit, 2), 1u);
  EXPECT_EQ(rows_of(*part, TraceEvent::wait, 1), 1u);
}

TEST(TraceCut, AWindowBeginsWithWhatWasThere)
{
  const auto part = cut_time(small_trace(), 225, 310);
  ASSERT_TRUE(part) << to_string(part.error());
  expect_valid(*part);
  EXPECT_EQ(part->rows.front().event, TraceEvent::start);
  EXPECT_FALSE(part->header.complete);
  EXPECT_EQ(rows_of(*part, TraceEvent::vma, 1), 7u);
  EXPECT_EQ(rows_of(*part, TraceEvent::madvise, 1), 1u);
  EXPECT_EQ(rows_of(*part, TraceEvent::mremap, 1), 0u);  // after it
  const auto madvise = std::find_if(part->rows.begin(), part->rows.end(), [](const TraceRow& row) {
    return row.event == TraceEvent::madvise;
  });
  EXPECT_EQ(madvise->time_ns, 5u);
  // The model goes on as in the whole.
  const std::string text = [&] {
    std::string all = trace_header_text(part->header);
    for (const TraceRow& row : part->rows)
      append_row(all, row);
    return all;
  }();
  const auto why = explain_trace([&text] { return TraceReader::of_text("w.csv", text); }, {});
  ASSERT_TRUE(why) << to_string(why.error());
  EXPECT_GT(why->compared, 0u);
  EXPECT_EQ(why->equal, why->compared);
}

TEST(TraceCut, AdviceOfBeforeIsGivenAgain)
{
  const auto part = cut_time(small_trace(), 300, kEnd);
  ASSERT_TRUE(part);
  expect_valid(*part);
  const auto advice = std::find_if(part->rows.begin(), part->rows.end(), [](const TraceRow& row) {
    return row.event == TraceEvent::madvise;
  });
  ASSERT_NE(advice, part->rows.end());
  EXPECT_EQ(advice->flags, static_cast<std::uint64_t>(MADV_DONTFORK));
  EXPECT_EQ(advice->address, 0x7f0000004000u);
}

TEST(TraceCut, AWindowOfLivingChildrenHasThemAsForks)
{
  const auto part = cut_time(small_trace(), 325, kEnd);
  ASSERT_TRUE(part);
  expect_valid(*part);
  EXPECT_EQ(rows_of(*part, TraceEvent::fork, 1), 1u);
  EXPECT_EQ(rows_of(*part, TraceEvent::exec, 2), 1u);
  // Allocated in a life that began before: left out, and told.
  EXPECT_EQ(rows_of(*part, TraceEvent::alloc_anon_vma, 2), 0u);
  EXPECT_NE(part->header.note.find("3 rows about what ended or was allocated before left out"),
            std::string::npos)
      << part->header.note;
}

TEST(TraceCut, AWindowWithoutItsBeginningIsTheBeginning)
{
  const Trace whole = small_trace();
  const auto part = cut_time(whole, 0, 200);
  ASSERT_TRUE(part);
  expect_valid(*part);
  EXPECT_EQ(part->rows.front(), whole.rows.front());
  EXPECT_EQ(part->rows.size(), 8u);
}

TEST(TraceCut, WhatIsNotThereIsNamed)
{
  const auto process = cut_process(small_trace(), 9, false);
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().context, "the trace has no process 9");
  const auto window = cut_time(small_trace(), 1'000'000'000, kEnd);
  ASSERT_FALSE(window);
  EXPECT_EQ(window.error().context.substr(0, 14), "no row is from");
}

TEST(TraceCut, TheNoteIsInTheHeaderAndIsReadBack)
{
  Trace trace = small_trace();
  trace.header.note = "cut to process 1";
  std::string text = trace_header_text(trace.header);
  EXPECT_NE(text.find("\n# note: cut to process 1\n"), std::string::npos);
  append_row(text, trace.rows[0]);
  const auto again = parse_trace("t.csv", text);
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(again->header, trace.header);
  const std::string line = "# note: cut to process 1\n";
  text.insert(text.find(line), line);
  const auto twice = parse_trace("t.csv", text);
  ASSERT_FALSE(twice);
  EXPECT_NE(twice.error().context.find("header note is there twice"), std::string::npos);
}

TEST(TraceCut, EveryProcessOfARecordedProgramIsAWholeTrace)
{
  const auto trace = read_trace(std::string(RMAPLAB_TEST_DIR) + "/../replay/traces/python.csv.zst");
  ASSERT_TRUE(trace);
  for (std::uint32_t process = 1; process <= 6; ++process) {
    const auto part = cut_process(*trace, process, false);
    ASSERT_TRUE(part);
    expect_valid(*part);
  }
}

}  // namespace
}  // namespace rmaplab
