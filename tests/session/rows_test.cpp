// SPDX-License-Identifier: GPL-2.0-only
#include "session/rows.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

// What a case of prepare_race reports of the metric: a value or a skip.
MeasuredSample told(const char* arguments, const char* metric)
{
  const Workload& race = *find_workload("prepare_race");
  const PlannedCase planned{
      .workload = &race, .values = *parse_arguments(race, arguments), .pass = Pass::state};
  MeasuredSample told;
  const CaseSink sink{.sample = [&](const MeasuredSample& sample) { told = sample; }};
  Rows({}, planned, sink).value(metric, 0, 7);
  return told;
}

TEST(Rows, CountsThatARaceDecidesAreSkips)
{
  for (const char* metric :
       {"slab_anon_vma", "slab_bytes", "alloc_anon_vma", "alloc_anon_vma_chain", "forest_roots"}) {
    const MeasuredSample sample = told("threads=2;place=near", metric);
    EXPECT_EQ(sample.status, SampleStatus::skip) << metric;
    EXPECT_NE(sample.reason.find("race"), std::string::npos) << metric;
  }
}

TEST(Rows, CountsThatEveryOutcomeOfARaceHasAreValues)
{
  for (const char* metric : {"vmas", "slab_anon_vma_chain", "forest_avcs", "unfreed_anon_vma"})
    EXPECT_EQ(told("threads=2;place=near", metric).status, SampleStatus::ok) << metric;
}

TEST(Rows, WhatOnlyOneCpuDecidesIsAValueInTheExactLabAndASkipElsewhere)
{
  const Workload& readers = *find_workload("walk_readers");
  const PlannedCase planned{
      .workload = &readers, .values = readers.quick.front(), .pass = Pass::state};
  for (const Mode mode : {Mode::exact, Mode::smp, Mode::host}) {
    MeasuredSample told;
    const CaseSink sink{.sample = [&](const MeasuredSample& sample) { told = sample; }};
    Rows({.mode = mode}, planned, sink).value("walk_sleeps", 0, 7);
    EXPECT_EQ(told.status, mode == Mode::exact ? SampleStatus::ok : SampleStatus::skip)
        << to_string(mode);
    EXPECT_EQ(told.reason.empty(), mode == Mode::exact) << to_string(mode);
  }
}

TEST(Rows, WhereNothingIsRacedForAllCountsAreValues)
{
  for (const char* metric : {"slab_anon_vma", "alloc_anon_vma", "forest_roots"})
    EXPECT_EQ(told("threads=2;place=far", metric).status, SampleStatus::ok) << metric;
}

}  // namespace
}  // namespace rmaplab
