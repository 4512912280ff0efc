// SPDX-License-Identifier: GPL-2.0-only
#include "session/plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace rmaplab
{
namespace
{

std::set<std::string_view> names_in(const std::vector<PlannedCase>& cases)
{
  std::set<std::string_view> names;
  for (const PlannedCase& planned : cases)
    names.insert(planned.workload->name);
  return names;
}

std::set<std::string_view> planned_names(const char* filter)
{
  const auto cases = plan_cases({.filter = filter});
  return cases ? names_in(*cases) : std::set<std::string_view>{};
}

TEST(Plan, NullIsAmongTheCasesEvenWhenFilteredOut)
{
  EXPECT_EQ(planned_names("fork_flat"), (std::set<std::string_view>{"fork_flat", "null"}));
}

TEST(Plan, SeveralGlobsAreJoinedWithCommas)
{
  EXPECT_EQ(planned_names("remerge,fork_chain_*"),
            (std::set<std::string_view>{"fork_chain_alive", "fork_chain_exit", "null", "remerge"}));
}

std::vector<Pass> passes_in(const Plan& plan)
{
  const auto cases = plan_cases(plan);
  std::vector<Pass> passes;
  if (cases)
    for (const PlannedCase& planned : *cases)
      if (passes.empty() || passes.back() != planned.pass)
        passes.push_back(planned.pass);
  return passes;
}

TEST(Plan, PassesFollowOneAnotherTheBareOneFirst)
{
  EXPECT_EQ(passes_in({.mode = Mode::exact, .preset = "full"}),
            (std::vector<Pass>{Pass::bare, Pass::state, Pass::objects}));
}

TEST(Plan, LaterReplicasOfAQuickExactRunAreBareOnly)
{
  const std::vector<Pass> all = {Pass::bare, Pass::state, Pass::objects};
  EXPECT_EQ(passes_in({.mode = Mode::exact, .replica = 1}), all);
  EXPECT_EQ(passes_in({.mode = Mode::exact, .replica = 2}), std::vector<Pass>{Pass::bare});
  EXPECT_EQ(passes_in({.mode = Mode::exact, .preset = "full", .replica = 2}), all);
}

TEST(Plan, PassesAskedForComeInTheirOwnOrder)
{
  EXPECT_EQ(passes_in({.passes = "objects,bare"}), (std::vector<Pass>{Pass::bare, Pass::objects}));
}

TEST(Plan, UnknownPassIsAUsageErrorThatNamesTheKnown)
{
  const auto cases = plan_cases({.passes = "bare,object"});
  ASSERT_FALSE(cases);
  EXPECT_EQ(cases.error().code, Errc::usage);
  EXPECT_EQ(cases.error().context.rfind("no pass \"object\", expected some of bare, state", 0), 0u)
      << cases.error().context;
}

TEST(Plan, PassesHoldTheSameCases)
{
  const auto cases = plan_cases({.filter = "fork_[!c]*", .passes = "bare,state"});
  ASSERT_TRUE(cases);
  ASSERT_EQ(cases->size() % 2, 0u);
  const std::size_t half = cases->size() / 2;
  for (std::size_t i = 0; i < half; ++i) {
    EXPECT_EQ((*cases)[i].workload, (*cases)[half + i].workload);
    EXPECT_EQ((*cases)[i].values, (*cases)[half + i].values);
  }
}

TEST(Plan, ObjectEventsOfWhatIsBeyondAKneeAreNotTracedInQuickUnlessAskedFor)
{
  const auto depths = [](const char* preset, const char* pass) {
    std::set<std::int64_t> found;
    const auto cases = plan_cases({.preset = preset, .filter = "fork_chain_alive", .passes = pass});
    if (cases)
      for (const PlannedCase& planned : *cases)
        if (planned.workload->name == "fork_chain_alive")
          found.insert(planned.values[0]);
    return found;
  };
  EXPECT_EQ(depths("quick", "objects"), (std::set<std::int64_t>{1, 2, 4, 8, 16}));
  EXPECT_EQ(depths("quick", "state"), (std::set<std::int64_t>{1, 2, 4, 8, 16, 64, 128}));
  EXPECT_EQ(depths("full", "objects").count(128), 1u);
  const auto asked =
      plan_cases({.filter = "fork_flat", .arguments = "vmas=1024", .passes = "objects"});
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->size(), 1u);
}

TEST(Plan, ContentionIsTracedForWorkloadsThatContendOnly)
{
  const auto cases = plan_cases({.passes = "contention"});
  ASSERT_TRUE(cases);
  EXPECT_EQ(names_in(*cases),
            (std::set<std::string_view>{"contend_ww", "ksm_readers", "walk_readers"}));
}

TEST(Plan, ForestPassComesWithoutTheControlAndOnlyWhenAskedFor)
{
  const auto forest = plan_cases({.filter = "fork_flat", .passes = "forest"});
  ASSERT_TRUE(forest);
  EXPECT_EQ(names_in(*forest), std::set<std::string_view>{"fork_flat"});
  for (const Mode mode : {Mode::host, Mode::exact, Mode::smp})
    for (const Pass pass : default_passes({.mode = mode, .preset = "full"}))
      EXPECT_NE(pass, Pass::forest) << to_string(mode);
}

TEST(Plan, ArgumentsMakeOneCaseOfTheNamedWorkload)
{
  const auto cases = plan_cases(
      {.filter = "fork_chain_alive", .arguments = "depth=2;vmas=3", .passes = "objects"});
  ASSERT_TRUE(cases);
  ASSERT_EQ(cases->size(), 1u);
  EXPECT_EQ((*cases)[0].workload->name, "fork_chain_alive");
  EXPECT_EQ((*cases)[0].values, (Values{2, 3}));
  EXPECT_EQ((*cases)[0].pass, Pass::objects);
}

TEST(Plan, ArgumentsOfNoOneWorkloadAreAUsageError)
{
  const auto globbed = plan_cases({.filter = "fork_*", .arguments = "vmas=3"});
  ASSERT_FALSE(globbed);
  EXPECT_EQ(globbed.error().context, "no workload matches \"fork_*\"; see `rmaplab list`");
  const auto wrong = plan_cases({.filter = "fork_flat", .arguments = "depth=3"});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Errc::usage);
}

TEST(Plan, ACaseThatContendsIsNeverWithoutItsControl)
{
  const auto cases = plan_cases(
      {.filter = "contend_ww", .arguments = "procs=3;op=fork;root=shared", .passes = "bare"});
  ASSERT_TRUE(cases);
  ASSERT_EQ(cases->size(), 2u);
  EXPECT_EQ((*cases)[0].values, (Values{3, 1, 0}));
  EXPECT_EQ((*cases)[1].values, (Values{3, 1, 1}));
}

TEST(Plan, UnknownPinningIsAUsageError)
{
  const auto cases = plan_cases({.pin = "two"});
  ASSERT_FALSE(cases);
  EXPECT_EQ(cases.error().code, Errc::usage);
}

TEST(Plan, PassWithNothingToMeasureIsAUsageError)
{
  const auto cases = plan_cases({.filter = "fork_flat", .passes = "contention"});
  ASSERT_FALSE(cases);
  EXPECT_EQ(cases.error().code, Errc::usage);
  EXPECT_NE(cases.error().context.find("contention"), std::string::npos);
}

TEST(Plan, QuickExactRunLeavesOutWhatContendsUnlessNamed)
{
  const auto all = plan_cases({.mode = Mode::exact});
  const auto named = plan_cases({.mode = Mode::exact, .filter = "contend_*"});
  ASSERT_TRUE(all && named);
  EXPECT_EQ(names_in(*all).count("contend_ww"), 0u);
  EXPECT_EQ(names_in(*named).count("contend_ww"), 1u);
}

// What ran before a case moves its figures.
TEST(Plan, SizesBeyondAKneeAndLateWorkloadsComeAfterAllOthersInEachPass)
{
  for (const char* filter : {"*", "f*,remerge,merge_next"}) {
    const auto cases = plan_cases({.mode = Mode::exact, .filter = filter, .replica = 1});
    ASSERT_TRUE(cases);
    std::set<Pass> with_last;
    bool last = false;
    const PlannedCase* before = nullptr;
    for (const PlannedCase& planned : *cases) {
      if (!before || before->pass != planned.pass)
        last = false;
      const auto& beyond = planned.workload->beyond;
      if (planned.workload->late ||
          std::find(beyond.begin(), beyond.end(), planned.values) != beyond.end())
        last = true;
      else
        EXPECT_FALSE(last) << planned.workload->name << " after a late case";
      if (last)
        with_last.insert(planned.pass);
      before = &planned;
    }
    EXPECT_EQ(with_last.size(), 3u) << filter;
  }
}

TEST(Plan, FullHoldsEachCaseOfQuickOnce)
{
  const auto quick = plan_cases({.preset = "quick", .filter = "[!r]*", .passes = "bare"});
  const auto full = plan_cases({.preset = "full", .filter = "[!r]*", .passes = "bare"});
  ASSERT_TRUE(quick && full);
  std::set<std::pair<std::string_view, Values>> seen;
  for (const PlannedCase& planned : *full)
    seen.insert({planned.workload->name, planned.values});
  for (const PlannedCase& planned : *quick)
    EXPECT_EQ(seen.count({planned.workload->name, planned.values}), 1u) << planned.workload->name;
}

// Each of these was missed while the core ended before it.
TEST(Plan, TheCoreHasAPointBeyondEachKnee)
{
  const auto cases = plan_cases({.mode = Mode::exact, .passes = "bare"});
  ASSERT_TRUE(cases);
  std::set<std::string> core;
  for (const PlannedCase& planned : *cases)
    core.insert(std::string(planned.workload->name) + " " +
                arguments_text(*planned.workload, planned.values));
  for (const char* name :
       {"fork_flat vmas=1024", "fork_chain_alive depth=128;vmas=10",
        "fork_chain_exit depth=128;vmas=10", "teardown vmas=1024;way=munmap;siblings=0",
        "teardown vmas=1024;way=exit;siblings=0", "split_faulted splits=3000",
        "branched_reuse depth=6;vmas=10;first=last", "merge_next pairs=100;by=mmap",
        "fork_after_merge vmas=16;merge=uf;then=fork",
        "fork_after_merge vmas=16;merge=three;then=fork", "mremap_home moves=10;way=plain",
        "mremap_child moves=16;chain=2;place=away", "mremap_child moves=16;chain=2;place=home",
        "walk_readers siblings=64;pages=512;root=shared",
        "ksm_readers vmas=1000;pages=128;root=shared"})
    EXPECT_EQ(core.count(name), 1u) << name;
}

TEST(Plan, FullHoldsMoreCasesThanQuick)
{
  const auto quick = plan_cases({.preset = "quick"});
  const auto full = plan_cases({.preset = "full"});
  ASSERT_TRUE(quick && full);
  EXPECT_GT(full->size(), quick->size());
}

TEST(Plan, HiddenWorkloadsAreLeftOutOfGlobs)
{
  EXPECT_EQ(planned_names("*").count("test_crash"), 0u);
  EXPECT_EQ(planned_names("test_cras?,null").count("test_crash"), 0u);
}

TEST(Plan, HiddenWorkloadsAreTakenByTheirExactName)
{
  EXPECT_EQ(planned_names("test_crash"), (std::set<std::string_view>{"null", "test_crash"}));
}

TEST(Plan, FilterThatMatchesNothingIsAUsageErrorNamingIt)
{
  const auto cases = plan_cases({.filter = "frok_flat"});
  ASSERT_FALSE(cases);
  EXPECT_EQ(cases.error().code, Errc::usage);
  EXPECT_NE(cases.error().context.find("frok_flat"), std::string::npos);
}

TEST(Plan, FilterThatOnlyMatchesHiddenWorkloadsMatchesNothing)
{
  EXPECT_FALSE(plan_cases({.filter = "test_*"}));
}

TEST(Plan, UnknownPresetIsAUsageErrorNamingIt)
{
  const auto cases = plan_cases({.preset = "medium"});
  ASSERT_FALSE(cases);
  EXPECT_EQ(cases.error().code, Errc::usage);
  EXPECT_NE(cases.error().context.find("medium"), std::string::npos);
}

TEST(Mode, EveryNameSurvivesARoundTrip)
{
  for (const Mode mode : {Mode::host, Mode::exact, Mode::smp}) {
    const auto parsed = parse_mode(to_string(mode));
    ASSERT_TRUE(parsed) << to_string(mode);
    EXPECT_EQ(*parsed, mode);
  }
}

TEST(Mode, OtherNamesAreUsageErrors)
{
  for (const char* text : {"", "Exact", "exact ", "kvm"}) {
    const auto parsed = parse_mode(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::usage);
  }
}

TEST(Pass, EveryNameSurvivesARoundTrip)
{
  for (const Pass pass : {Pass::bare, Pass::state, Pass::objects, Pass::faults, Pass::counters,
                          Pass::contention, Pass::holds, Pass::forest}) {
    const auto parsed = parse_pass(to_string(pass));
    ASSERT_TRUE(parsed) << to_string(pass);
    EXPECT_EQ(*parsed, pass);
  }
}

TEST(Pass, OtherNamesAreUsageErrors)
{
  for (const char* text : {"", "Bare", "states"}) {
    const auto parsed = parse_pass(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, Errc::usage);
  }
}

TEST(Repeats, OnlyAClockOfTimeIsReadInSeveralRepetitions)
{
  const Workload& workload = *find_workload("fork_flat");
  const Values& values = workload.quick.front();
  for (const char* preset : {"quick", "full"}) {
    EXPECT_EQ(repeats_of({.mode = Mode::exact, .preset = preset}, workload, values).repetitions, 1);
    EXPECT_GT(repeats_of({.mode = Mode::host, .preset = preset}, workload, values).repetitions, 1);
  }
}

TEST(Repeats, EveryExactCaseWarmsUpTwiceAndKeepsThree)
{
  const Plan plan{.mode = Mode::exact};
  for (const Workload* workload : catalog())
    for (const Values& values : workload->full) {
      if (workload->contends)
        continue;  // one operation is thousands of calls
      const Repeats repeats = repeats_of(plan, *workload, values);
      EXPECT_GE(repeats.warm_up, 2) << workload->name;
      EXPECT_GE(repeats.kept, 3) << workload->name;
    }
}

TEST(Repeats, OnTheHostFullKeepsMoreOperationsThanQuick)
{
  const Workload& workload = *find_workload("fork_flat");
  const Values values = {256};
  const Repeats quick = repeats_of({.mode = Mode::host, .preset = "quick"}, workload, values);
  const Repeats full = repeats_of({.mode = Mode::host, .preset = "full"}, workload, values);
  EXPECT_GT(full.kept, quick.kept);
}

TEST(ReplicaLayout, NoneIsTheFirst)
{
  const ReplicaLayout none = layout_of_replica(0);
  const ReplicaLayout first = layout_of_replica(1);
  EXPECT_EQ(none.stack_limit_bytes, first.stack_limit_bytes);
  EXPECT_EQ(none.arena_offset_pages, first.arena_offset_pages);
  EXPECT_EQ(none.spin, first.spin);
}

TEST(ReplicaLayout, NextReplicaDiffersInEverything)
{
  const ReplicaLayout first = layout_of_replica(1);
  const ReplicaLayout second = layout_of_replica(2);
  EXPECT_NE(first.stack_limit_bytes, second.stack_limit_bytes);
  EXPECT_NE(first.arena_offset_pages, second.arena_offset_pages);
  EXPECT_NE(first.spin, second.spin);
}

TEST(ReplicaLayout, SameNumberIsTheSameLayout)
{
  layout_of_replica(3);
  const ReplicaLayout once = layout_of_replica(7);
  const ReplicaLayout again = layout_of_replica(7);
  EXPECT_EQ(once.stack_limit_bytes, again.stack_limit_bytes);
  EXPECT_EQ(once.arena_offset_pages, again.arena_offset_pages);
  EXPECT_EQ(once.spin, again.spin);
}

TEST(ReplicaLayout, StackLimitIsAboveWhatTheKernelTakesForEveryStack)
{
  EXPECT_GT(layout_of_replica(0).stack_limit_bytes, std::size_t{128} << 20);
}

}  // namespace
}  // namespace rmaplab
