// SPDX-License-Identifier: GPL-2.0-only
#include "reports/functions.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <limits>

#include <cmath>

#include "base/files.h"
#include "base/text.h"
#include "reports/report.h"

namespace rmaplab
{
namespace
{

class Rows
{
 public:
  Rows& function(int boot, const char* workload, const char* arguments, const char* name,
                 double calls, double instructions)
  {
    add(boot, workload, arguments, "function_instructions", name, instructions);
    if (calls > 0)
      add(boot, workload, arguments, "function_calls", name, calls);
    return *this;
  }
  Rows& whole(int boot, const char* workload, const char* arguments, double instructions)
  {
    add(boot, workload, arguments, "instructions", "", instructions);
    return *this;
  }
  operator Run() const
  {
    return {.manifest = {{"item.fork_flat", "fork+exit+wait"}, {"mode", "exact"}},
            .samples = samples_};
  }

 private:
  void add(int boot, const char* workload, const char* arguments, const char* metric,
           const char* site, double value)
  {
    samples_.push_back({.boot = boot,
                        .workload = workload,
                        .arguments = arguments,
                        .metric = metric,
                        .value = value,
                        .pass = "bare",
                        .site = site});
  }
  std::vector<Sample> samples_;
};

Run base_run()
{
  return Rows()
      .whole(1, "fork_flat", "vmas=16", 433'000)
      .function(1, "null", "", "[user]", 0, 31)
      .function(1, "fork_flat", "vmas=16", "[user]", 0, 900)
      .function(1, "fork_flat", "vmas=16", "anon_vma_clone", 36, 12'345)
      .function(1, "fork_flat", "vmas=16", "anon_vma_fork", 36, 9'000)
      .function(1, "fork_flat", "vmas=16", "copy_page_range", 45, 201'000.5)
      .function(1, "fork_flat", "vmas=16", "a_function_whose_name_is_longer_than_its_column", 1,
                500)
      .function(1, "fork_flat", "vmas=16", "clear_page_rep", 60.5, 30'000)
      .function(1, "teardown", "vmas=1;way=exit", "exit_mmap", 1, 700)
      .function(1, "a_workload_of_a_long_name", "first=unfaulted;second=shared;third=wiped", "f", 1,
                20)
      .function(1, "a_workload_of_a_long_name", "first=unfaulted;second=shared;third=wiped", "g", 1,
                20);
}

Run head_run()
{
  return Rows()
      .whole(1, "fork_flat", "vmas=16", 421'000)
      .function(1, "null", "", "[user]", 0, 31)
      .function(1, "fork_flat", "vmas=16", "[user]", 0, 900)
      .function(1, "fork_flat", "vmas=16", "anon_vma_clone", 36, 10'000)
      .function(1, "fork_flat", "vmas=16", "anon_vma_fork", 0.014, 9'100)
      .function(1, "fork_flat", "vmas=16", "copy_page_range", 45, 201'001.25)
      .function(1, "fork_flat", "vmas=16", "maple_new", 2, 1'250)
      .function(1, "fork_flat", "vmas=16", "clear_page_rep", 60.25, 29'000)
      .function(1, "teardown", "vmas=1;way=exit", "exit_mmap", 1, 650)
      .function(1, "a_workload_of_a_long_name", "first=unfaulted;second=shared;third=wiped", "f", 1,
                25)
      .function(1, "a_workload_of_a_long_name", "first=unfaulted;second=shared;third=wiped", "g", 1,
                15);
}

TEST(Functions, GreatestChangeComesFirstWhicheverWay)
{
  const auto changes = function_changes(base_run(), head_run(), "fork_flat", "vmas=16");
  ASSERT_EQ(changes.size(), 7u);
  EXPECT_EQ(changes[0].function, "anon_vma_clone");
  EXPECT_EQ(changes[0].change(), -2345);
  EXPECT_EQ(changes[1].function, "maple_new");
  EXPECT_EQ(changes[1].base_instructions, 0);
  EXPECT_EQ(changes[1].head_calls, 2);
  EXPECT_EQ(changes[2].function, "clear_page_rep");
  EXPECT_EQ(changes.back().function, "[user]");
}

TEST(Functions, ChangesAddUpToTheTotals)
{
  double all = 0;
  for (const auto& change : function_changes(base_run(), head_run(), "fork_flat", "vmas=16"))
    all += change.change();
  EXPECT_DOUBLE_EQ(all, -2345 + 1250 - 1000 - 500 + 100 + 0.75);
}

TEST(Functions, BootsThatOneSideLostAreLeftOut)
{
  const rmaplab::Run base = Rows()
                                .function(1, "w", "", "f", 1, 100)
                                .function(2, "w", "", "f", 3, 200)
                                .function(3, "w", "", "f", 9, 900);
  const rmaplab::Run head =
      Rows().function(1, "w", "", "f", 1, 110).function(2, "w", "", "f", 1, 230);
  const auto changes = function_changes(base, head, "w", "");
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_DOUBLE_EQ(changes[0].base_instructions, 150);
  EXPECT_DOUBLE_EQ(changes[0].head_instructions, 170);
  EXPECT_DOUBLE_EQ(changes[0].base_calls, 2);
}

TEST(Functions, PartsAndCopiesOfAFunctionAreItsOwn)
{
  EXPECT_EQ(source_function("dup_mmap.isra.0"), "dup_mmap");
  EXPECT_EQ(source_function("[user]"), "[user]");
  const rmaplab::Run base =
      Rows().function(1, "w", "", "f", 2, 100).function(1, "w", "", "f.cold", 1, 10);
  const rmaplab::Run head = Rows().function(1, "w", "", "f.isra.0", 2, 90);
  const auto changes = function_changes(base, head, "w", "");
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].base_calls, 2);
  EXPECT_EQ(changes[0].change(), -20);
}

TEST(Functions, RunWithoutRowsHasNoCases)
{
  const rmaplab::Run none = Rows().whole(1, "fork_flat", "vmas=16", 1);
  EXPECT_TRUE(function_cases(none, head_run()).empty());
  EXPECT_TRUE(function_cases(base_run(), none).empty());
  EXPECT_TRUE(function_changes(base_run(), none, "fork_flat", "vmas=16").empty());
}

TEST(Functions, ReportIsTheGoldenFile)
{
  const rmaplab::Run base = base_run();
  const rmaplab::Run head = head_run();
  const auto text = functions_report(base, head, function_cases(base, head), {.top = 5});
  const auto golden = read_file(RMAPLAB_TEST_DIR "/reports/golden/functions.txt");
  ASSERT_TRUE(golden);
  EXPECT_EQ(text, *golden);
  for (const auto line : lines_of(text))
    EXPECT_LE(line.size(), 75u) << line;
}

TEST(Functions, CsvHasEveryFunction)
{
  const auto text = functions_csv(base_run(), head_run(), {{.workload = "null", .arguments = ""}});
  EXPECT_EQ(text,
            "workload,arguments,function,base_calls,head_calls,base_instructions,"
            "head_instructions,change\n"
            "null,,[user],0,0,31,31,0\n");
}

TEST(Functions, OtherReportsLeaveThemOut)
{
  const Comparison comparison = compare_runs(base_run(), head_run());
  ASSERT_EQ(comparison.rows.size(), 1u);
  EXPECT_EQ(comparison.rows[0].metric->name, "instructions");
  EXPECT_EQ(run_report(base_run()).substr(0, 8), "1 value ");
}

// Seconds of CPU of a report of so many cases, the least of three.
double cpu_of_cases(int cases)
{
  Rows rows;
  for (int i = 0; i < cases; ++i)
    rows.function(1, "w", fmt::format("vmas={}", i).c_str(), "f", 1, 10);
  const Run run = rows;
  const auto listed = function_cases(run, run);
  EXPECT_EQ(listed.size(), static_cast<std::size_t>(cases));
  std::clock_t least = std::numeric_limits<std::clock_t>::max();
  for (int i = 0; i < 3; ++i) {
    const std::clock_t began = std::clock();
    EXPECT_FALSE(functions_report(run, run, listed, {}).empty());
    least = std::min(least, std::clock() - began);
  }
  return static_cast<double>(least);
}

// Eight times the cases are some eight times the work; a look at all rows for each makes it 64.
TEST(Functions, WorkGrowsAsTheCasesDo)
{
  EXPECT_LT(cpu_of_cases(8'000) / cpu_of_cases(1'000), 24);
}

}  // namespace
}  // namespace rmaplab
