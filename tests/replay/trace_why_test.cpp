// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_why.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "tests/replay/trace_text.h"

namespace rmaplab
{
namespace
{

Result<TraceWhy> why_of(const std::string& rows, const WhyOptions& options = {})
{
  const std::string text = trace_of(rows);
  return explain_trace([&text] { return TraceReader::of_text("t.csv", text); }, options);
}

const VmaClass* made_by(const TraceWhy& why, const std::string& name)
{
  const auto found = std::find_if(why.makers.begin(), why.makers.end(),
                                  [&name](const VmaClass& one) { return one.name == name; });
  return found == why.makers.end() ? nullptr : &*found;
}

TEST(TraceWhy, TheCallsThatMadeTheVmasAreCountedWhenThereAreMost)
{
  const auto why = why_of(kSmallRows);
  ASSERT_TRUE(why) << to_string(why.error());
  EXPECT_EQ(why->process, 1u);
  EXPECT_EQ(why->line, kFirstRow + 14u);  // the mremap
  EXPECT_EQ(why->kernel_count, 10);
  EXPECT_EQ(why->vmas.size(), 10u);
  const VmaClass* protect = made_by(*why, "mprotect r-- 4 KiB");
  ASSERT_TRUE(protect);
  EXPECT_EQ(protect->made, 2u);
  EXPECT_EQ(protect->left, 2u);
  const VmaClass* advice = made_by(*why, "madvise DONTFORK 4 KiB");
  ASSERT_TRUE(advice);
  EXPECT_EQ(advice->left, 2u);
  std::uint64_t left = 0;
  for (const VmaClass& one : why->makers)
    left += one.left;
  EXPECT_EQ(left, why->vmas.size());
}

TEST(TraceWhy, TheModelIsHeldToTheKernelsCounts)
{
  const auto good = why_of(kSmallRows);
  ASSERT_TRUE(good);
  EXPECT_EQ(good->compared, good->equal);
  std::string wrong = kSmallRows;
  const std::string split = "0x7f0000001000,4096,,,,0x1,,,0,7";
  wrong.replace(wrong.find(split), split.size(), "0x7f0000001000,4096,,,,0x1,,,0,8");
  const auto why = why_of(wrong);
  ASSERT_TRUE(why);
  EXPECT_EQ(why->equal + 1, why->compared);
  EXPECT_EQ(why->first_apart, kFirstRow + 10u);
  EXPECT_NE(to_text(*why).find("first apart at line 20: the kernel had 8, the model 7"),
            std::string::npos);
}

TEST(TraceWhy, AnotherProcessOrMomentIsAskedFor)
{
  const auto child = why_of(kSmallRows, {.process = 2});
  ASSERT_TRUE(child);
  EXPECT_EQ(child->process, 2u);
  EXPECT_EQ(child->vmas.size(), 8u);
  const auto early = why_of(kSmallRows, {.line = kFirstRow + 7});
  ASSERT_TRUE(early);
  EXPECT_EQ(early->vmas.size(), 5u);
  const auto timed = why_of(kSmallRows, {.time_ns = 215});
  ASSERT_TRUE(timed);
  EXPECT_EQ(timed->line, kFirstRow + 9u);
  EXPECT_EQ(timed->vmas.size(), 5u);
}

TEST(TraceWhy, AProcessOrMomentThatIsNotThereIsNamed)
{
  const auto process = why_of(kSmallRows, {.process = 9});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.error().context, "t.csv: has no process 9");
  const auto line = why_of(kSmallRows, {.line = 500});
  ASSERT_FALSE(line);
  EXPECT_EQ(line.error().context, "t.csv: has no row at line 500");
  const auto dead = why_of(kSmallRows, {.process = 2, .line = kFirstRow + 25});
  ASSERT_FALSE(dead);
  EXPECT_EQ(dead.error().context, "t.csv: process 2 is not alive after line 35");
}

TEST(TraceWhy, WithoutFaultsTheAnonVmasAreSaidNotToBeKnown)
{
  const auto why = why_of(
      "0,1,1,exec,,,,,,,,,,1\n"
      "0,1,1,vma,0x400000,8192,,,0x2,0x5,1,,,1\n"
      "1,1,1,mmap,0x0,4096,,,0x22,0x3,,,0x7f0000000000,2\n"
      "2,1,1,exit,,,,,,,,,,\n");
  ASSERT_TRUE(why);
  EXPECT_FALSE(why->faults_known);
  EXPECT_NE(to_text(*why).find("no page faults were recorded"), std::string::npos);
}

TEST(TraceWhy, AProcessWithoutVmasIsNamed)
{
  const auto why = why_of("0,1,1,exec,,,,,,,,,,\n1,1,1,exit,,,,,,,,,,\n", {.process = 1});
  ASSERT_FALSE(why);
  EXPECT_EQ(why.error().context, "t.csv: process 1 never has a VMA");
}

TEST(TraceWhy, TheModelHasTheKernelsCountAfterEveryCallOfTheRecordedPrograms)
{
  std::uint64_t traces = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(RMAPLAB_TEST_DIR) + "/../replay/traces")) {
    if (entry.path().extension() != ".zst")
      continue;
    const auto why = explain_trace(entry.path(), {});
    ASSERT_TRUE(why) << to_string(why.error());
    EXPECT_GT(why->compared, 0u);
    EXPECT_EQ(why->equal, why->compared) << entry.path() << " line " << why->first_apart;
    ++traces;
  }
  EXPECT_EQ(traces, 10u);
}

TEST(TraceWhy, ItFitsOneScreen)
{
  const auto why = why_of(kSmallRows);
  ASSERT_TRUE(why);
  const std::string text = to_text(*why);
  const auto lines = lines_of(text);
  EXPECT_LE(lines.size(), 25u);
  for (const auto line : lines)
    EXPECT_LE(line.size(), 75u) << line;
  EXPECT_EQ(lines[0].substr(0, 8), "10 VMAs,");
}

}  // namespace
}  // namespace rmaplab
