// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace rmaplab
{
namespace
{

const Workload kLoaf{
    .name = "loaf",
    .arguments = {{.name = "slices"}, {.name = "kind", .labels = {"white", "brown"}}}};

void expect_usage(const char* text, const char* mentions)
{
  const auto values = parse_arguments(kLoaf, text);
  ASSERT_FALSE(values);
  EXPECT_EQ(values.error().code, Errc::usage);
  EXPECT_NE(values.error().context.find(mentions), std::string::npos) << values.error().context;
}

TEST(Catalog, NamesAreUnique)
{
  std::set<std::string_view> names;
  for (const Workload* workload : catalog())
    EXPECT_TRUE(names.insert(workload->name).second) << workload->name;
}

TEST(Catalog, NullIsFirst)
{
  EXPECT_EQ(catalog().front()->name, "null");
}

TEST(Catalog, VisibleWorkloadsAfterNullAreAlphabetical)
{
  std::vector<std::string_view> names;
  for (const Workload* workload : catalog().subspan(1))
    if (!workload->hidden)
      names.push_back(workload->name);
  EXPECT_GT(names.size(), 1u);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

TEST(Catalog, EveryVisibleWorkloadHasAtLeastThreeQuickCases)
{
  for (const Workload* workload : catalog()) {
    if (!workload->hidden && workload->name != "null") {
      EXPECT_GE(workload->quick.size(), 3u) << workload->name;
    }
  }
}

TEST(Catalog, QuickAndBeyondAreSubsetsOfFull)
{
  for (const Workload* workload : catalog())
    for (const auto* list : {&workload->quick, &workload->beyond})
      for (const Values& values : *list)
        EXPECT_EQ(std::count(workload->full.begin(), workload->full.end(), values), 1)
            << workload->name << " " << arguments_text(*workload, values);
}

TEST(Catalog, NoCaseIsBothQuickAndBeyond)
{
  for (const Workload* workload : catalog())
    for (const Values& values : workload->beyond)
      EXPECT_EQ(std::count(workload->quick.begin(), workload->quick.end(), values), 0)
          << workload->name << " " << arguments_text(*workload, values);
}

TEST(Catalog, NoCaseIsListedTwice)
{
  for (const Workload* workload : catalog()) {
    const std::set<Values> distinct(workload->full.begin(), workload->full.end());
    EXPECT_EQ(distinct.size(), workload->full.size()) << workload->name;
  }
}

TEST(Catalog, EveryCaseHasAValueForEachArgument)
{
  for (const Workload* workload : catalog())
    for (const Values& values : workload->full)
      EXPECT_EQ(values.size(), workload->arguments.size()) << workload->name;
}

TEST(Catalog, EveryCaseHasAtLeastOneItemAndAWeight)
{
  for (const Workload* workload : catalog())
    for (const Values& values : workload->full) {
      EXPECT_GE(workload->items(values), 1) << workload->name;
      EXPECT_GE(workload->weight(values), 1) << workload->name;
    }
}

TEST(Catalog, EveryWorkloadCanRunAndSaysWhatItMeasures)
{
  for (const Workload* workload : catalog()) {
    EXPECT_NE(workload->run, nullptr) << workload->name;
    EXPECT_FALSE(workload->summary.empty()) << workload->name;
    EXPECT_FALSE(workload->item.empty()) << workload->name;
    EXPECT_GE(workload->version, 1) << workload->name;
  }
}

TEST(Catalog, EveryStoryTellsSharingKernelPathAndWhatIsNotMeasured)
{
  for (const Workload* workload : catalog()) {
    if (workload->hidden || workload->name == "null")
      continue;
    const std::string_view story = story_of(*workload);
    for (const std::string_view part : {"\nSharing", "\nKernel", "\nNot measured: "})
      EXPECT_NE(story.find(part), std::string_view::npos) << workload->name << part;
  }
}

TEST(Catalog, EveryVisibleWorkloadNamesItsPatchesAndItsPeakMemory)
{
  for (const Workload* workload : catalog()) {
    if (workload->hidden)
      continue;
    EXPECT_FALSE(workload->patches.empty()) << workload->name;
    ASSERT_NE(workload->memory_pages, nullptr) << workload->name;
    for (const Values& values : workload->full)
      EXPECT_GE(workload->memory_pages(values), 1) << workload->name;
  }
}

TEST(Catalog, WhatContendsHasAControlThatIsItsOwn)
{
  for (const Workload* workload : catalog()) {
    if (!workload->contends)
      continue;
    ASSERT_NE(workload->control, nullptr) << workload->name;
    for (const Values& values : workload->full) {
      const Values control = workload->control(values);
      EXPECT_EQ(workload->control(control), control) << workload->name;
    }
  }
}

TEST(Catalog, FindsAWorkloadByItsWholeName)
{
  ASSERT_NE(find_workload("fork_flat"), nullptr);
  EXPECT_EQ(find_workload("fork_flat")->name, "fork_flat");
  EXPECT_EQ(find_workload("fork"), nullptr);
}

TEST(Arguments, EveryCaseOfEveryWorkloadSurvivesARoundTrip)
{
  for (const Workload* workload : catalog())
    for (const Values& values : workload->full) {
      const std::string text = arguments_text(*workload, values);
      const auto parsed = parse_arguments(*workload, text);
      ASSERT_TRUE(parsed) << workload->name << " " << text;
      EXPECT_EQ(*parsed, values) << workload->name << " " << text;
    }
}

TEST(Arguments, LabelsAreShownInPlaceOfNumbers)
{
  EXPECT_EQ(arguments_text(kLoaf, {12, 1}), "slices=12;kind=brown");
}

TEST(Arguments, LabelsAreReadAsTheirPlaceInTheList)
{
  const auto values = parse_arguments(kLoaf, "slices=12;kind=brown");
  ASSERT_TRUE(values);
  EXPECT_EQ(*values, (Values{12, 1}));
}

TEST(Arguments, NoArgumentsAreTheEmptyText)
{
  EXPECT_EQ(arguments_text(*find_workload("null"), {}), "");
}

TEST(Arguments, WrongNameIsRejectedNamingTheOneExpected)
{
  expect_usage("pieces=12;kind=brown", "slices=");
}

TEST(Arguments, OtherOrderIsRejected)
{
  expect_usage("kind=brown;slices=12", "slices=");
}

TEST(Arguments, UnknownLabelIsRejectedNamingIt)
{
  expect_usage("slices=12;kind=rye", "\"rye\"");
}

TEST(Arguments, NumberOfALabelIsRejected)
{
  expect_usage("slices=12;kind=1", "kind");
}

TEST(Arguments, TooFewAreRejected)
{
  expect_usage("slices=12", "expected 2 arguments");
}

TEST(Arguments, TooManyAreRejected)
{
  expect_usage("slices=12;kind=brown;kind=brown", "expected 2 arguments");
}

TEST(Arguments, NegativeNumberIsRejected)
{
  expect_usage("slices=-1;kind=brown", "\"-1\"");
}

TEST(Arguments, NumberBeyondAMillionIsRejected)
{
  expect_usage("slices=1000001;kind=brown", "\"1000001\"");
}

TEST(Arguments, TextForANumberIsRejected)
{
  expect_usage("slices=12x;kind=brown", "\"12x\"");
}

TEST(ExpandArguments, ValuesOfSeveralNamesAreCombined)
{
  const auto cases = expand_arguments(*find_workload("fork_chain_alive"), "depth=1,3;vmas=5,7");
  ASSERT_TRUE(cases);
  EXPECT_EQ(*cases, (std::vector<Values>{{1, 5}, {1, 7}, {3, 5}, {3, 7}}));
}

TEST(ExpandArguments, OrderOfNamesIsFreeAndWhatIsNotNamedIsAsInTheFirstQuickCase)
{
  const Workload& workload = *find_workload("fork_skip");
  const auto cases = expand_arguments(workload, "kind=shared");
  ASSERT_TRUE(cases);
  EXPECT_EQ(*cases, (std::vector<Values>{{workload.quick.front()[0], 3}}));
  EXPECT_EQ(*expand_arguments(workload, "kind=shared;vmas=2"), (std::vector<Values>{{2, 3}}));
}

TEST(ExpandArguments, UnknownNameAndValueAreUsageErrorsThatNameThem)
{
  const Workload& workload = *find_workload("fork_skip");
  for (const char* text : {"depth=1", "vmas", "vmas=1,x", "kind=shared,brown", "vmas="}) {
    const auto cases = expand_arguments(workload, text);
    ASSERT_FALSE(cases) << text;
    EXPECT_EQ(cases.error().code, Errc::usage) << text;
  }
}

}  // namespace
}  // namespace rmaplab
