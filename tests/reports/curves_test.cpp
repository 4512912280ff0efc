// SPDX-License-Identifier: GPL-2.0-only
#include "reports/curves.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

class Cases
{
 public:
  // Of `workload`, sizes as VMAs: 400 thousand instructions and `slope` a VMA, of 1024 `last` times
  // that.
  Cases& curve(const char* workload, double slope, double last, const char* others = "")
  {
    for (const double size : {1, 16, 64, 256, 1024})
      run_.samples.push_back(
          {.boot = 1,
           .workload = workload,
           .arguments = "vmas=" + std::to_string(static_cast<int>(size)) + others,
           .metric = "instructions",
           .value = (400'000 + slope * size) * (size == 1024 ? last : 1)});
    return *this;
  }
  operator Run() const { return run_; }

 private:
  Run run_;
};

TEST(Curves, AStraightRunHasNothingToSay)
{
  EXPECT_TRUE(curve_lines(Cases().curve("fork_flat", 5000, 1)).empty());
}

TEST(Curves, ARunNamesWhatBendsWhereAndByHowMuch)
{
  EXPECT_EQ(curve_lines(Cases().curve("fork_flat", 5000, 1.25)),
            (std::vector<std::string>{"curve: fork_flat over vmas: 5 000 instructions each up to "
                                      "256, 6 797 beyond (25 % above the line): bends"}));
}

TEST(Curves, AComparisonNamesTheSideThatBends)
{
  const auto lines =
      curve_lines(compare_runs(Cases().curve("fork_flat", 5000, 1).curve("grow", 700, 1),
                               Cases().curve("fork_flat", 5000, 1.25).curve("grow", 700, 1)));
  EXPECT_EQ(lines,
            (std::vector<std::string>{
                "curve: fork_flat over vmas: base 5 000 instructions each, no bend; head 5 000 "
                "instructions each up to 256, 6 797 beyond (25 % above the line): bends"}));
}

TEST(Curves, WhatBendsOnBothSidesAlikeIsNamedOnly)
{
  const Cases bent = Cases().curve("fork_flat", 5000, 1.25);
  EXPECT_EQ(
      curve_lines(compare_runs(bent, bent)),
      (std::vector<std::string>{"curves that bend on both sides alike: fork_flat over vmas"}));
}

TEST(Curves, BendingMoreIsToldThoughBothBend)
{
  const auto lines = curve_lines(
      compare_runs(Cases().curve("fork_flat", 5000, 1.1), Cases().curve("fork_flat", 5000, 1.4)));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_NE(lines[0].find("(10 % above the line): bends; head"), std::string::npos) << lines[0];
}

TEST(Curves, CasesThatDifferInAnotherArgumentAreAnotherCurve)
{
  const auto lines = curve_lines(Cases()
                                     .curve("teardown", 5000, 1, ";way=munmap;siblings=0")
                                     .curve("teardown", 7000, 1.5, ";way=exit;siblings=0"));
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].rfind("curve: teardown over vmas, way=exit, siblings=0: ", 0), 0u) << lines[0];
}

TEST(Curves, OneOfMoreSizesThanAreLookedAtIsTold)
{
  rmaplab::Run run;
  for (int size = 1; size <= 1001; ++size)
    run.samples.push_back({.boot = 1,
                           .workload = "w",
                           .arguments = "vmas=" + std::to_string(size),
                           .metric = "instructions",
                           .value = size});
  const std::vector<std::string> told = {
      "a curve of more than 1000 sizes, not looked at: w over "
      "vmas"};
  EXPECT_EQ(curve_lines(run), told);
  EXPECT_EQ(curve_lines(compare_runs(run, run)), told);
}

}  // namespace
}  // namespace rmaplab
