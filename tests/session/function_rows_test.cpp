// SPDX-License-Identifier: GPL-2.0-only
#include "session/function_rows.h"

#include <gtest/gtest.h>

#include "workloads/workload.h"

namespace rmaplab
{
namespace
{

// null, and a workload of which one operation is several items.
std::vector<PlannedCase> cases()
{
  const Workload* split = find_workload("split_faulted");
  return {{.workload = find_workload("null"), .values = {}, .pass = Pass::bare},
          {.workload = split, .values = split->quick[0], .pass = Pass::bare}};
}

Sample mean_of_case(const PlannedCase& planned, double value)
{
  return {.boot = 2,
          .replica = 2,
          .workload = std::string(planned.workload->name),
          .arguments = arguments_text(*planned.workload, planned.values),
          .metric = "instructions_mean",
          .value = value,
          .pass = "bare"};
}

TEST(FunctionRows, CountsAreOfOneOperationAndItem)
{
  const auto plan = cases();
  const double items = static_cast<double>(plan[1].workload->items(plan[1].values));
  const std::vector<Sample> samples = {mean_of_case(plan[1], 100)};
  const auto rows = function_rows(
      {{.window = 1, .operations = 4, .function = "vma_merge", .calls = 8, .instructions = 400}},
      plan, samples);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].metric, "function_instructions");
  EXPECT_EQ(rows[0].unit, "instructions/op");
  EXPECT_EQ(rows[0].site, "vma_merge");
  EXPECT_EQ(rows[0].value, 100 / items);
  EXPECT_EQ(rows[0].workload, "split_faulted");
  EXPECT_EQ(rows[0].boot, 2);
  EXPECT_EQ(rows[0].pass, "bare");
  EXPECT_EQ(rows[1].metric, "function_calls");
  EXPECT_EQ(rows[1].value, 2 / items);
}

TEST(FunctionRows, StaticFunctionsOfOneNameAreOneRow)
{
  const auto plan = cases();
  const std::vector<Sample> samples = {mean_of_case(plan[0], 5)};
  const auto rows =
      function_rows({{.operations = 1, .function = "show", .calls = 0, .instructions = 2},
                     {.operations = 1, .function = "show", .calls = 0, .instructions = 3}},
                    plan, samples);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].value, 5);
}

TEST(FunctionRows, CaseWithoutInstructionsHasNone)
{
  const auto plan = cases();
  Sample idled = mean_of_case(plan[0], 5);
  idled.value.reset();
  idled.status = SampleStatus::skip;
  const std::vector<Sample> samples = {idled, mean_of_case(plan[1], 5)};
  const FunctionCount count{.operations = 1, .function = "f", .calls = 1, .instructions = 2};
  EXPECT_TRUE(function_rows({count}, plan, samples).empty());
}

TEST(FunctionRows, WindowBeyondThePlanHasNone)
{
  const FunctionCount count{.window = 9, .operations = 1, .function = "f", .instructions = 2};
  EXPECT_TRUE(function_rows({count}, cases(), {}).empty());
}

}  // namespace
}  // namespace rmaplab
