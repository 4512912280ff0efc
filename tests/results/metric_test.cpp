// SPDX-License-Identifier: GPL-2.0-only
#include "results/metric.h"

#include <gtest/gtest.h>

#include <set>

namespace rmaplab
{
namespace
{

TEST(Metric, NamesAreUnique)
{
  std::set<std::string_view> names;
  for (const Metric& metric : all_metrics())
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
  EXPECT_FALSE(names.empty());
}

TEST(Metric, EveryNameIsFound)
{
  for (const Metric& metric : all_metrics())
    EXPECT_EQ(find_metric(metric.name), &metric) << metric.name;
}

TEST(Metric, UnknownNameIsNull)
{
  EXPECT_EQ(find_metric("vma"), nullptr);
  EXPECT_EQ(find_metric(""), nullptr);
}

TEST(Metric, WhatIsLessAnotherReadingMayBeNegative)
{
  for (const Metric& metric : all_metrics()) {
    const bool less = metric.summary.find("less ") != std::string_view::npos;
    EXPECT_TRUE(metric.difference || !less) << metric.name;
  }
}

TEST(Metric, NameNeedsNoQuotesInACsvFile)
{
  for (const Metric& metric : all_metrics())
    EXPECT_EQ(metric.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string_view::npos)
        << metric.name;
}

TEST(Metric, SaysItsUnitSourceAndMeaning)
{
  for (const Metric& metric : all_metrics()) {
    EXPECT_FALSE(metric.unit.empty()) << metric.name;
    EXPECT_FALSE(metric.source.empty()) << metric.name;
    EXPECT_FALSE(metric.summary.empty()) << metric.name;
  }
}

// A kernel whose objects are more or larger is worse, whatever its instructions.
TEST(Metric, MemoryDecides)
{
  for (const char* name :
       {"slab_vm_area_struct", "slab_anon_vma", "slab_anon_vma_chain", "slab_bytes",
        "live_vm_area_struct", "live_anon_vma", "live_anon_vma_chain", "unfreed_vm_area_struct",
        "unfreed_anon_vma", "unfreed_anon_vma_chain", "forest_avcs", "forest_anon_vmas",
        "forest_longest_chain", "object_bytes_vm_area_struct", "object_bytes_anon_vma",
        "object_bytes_anon_vma_chain"}) {
    const Metric* const metric = find_metric(name);
    ASSERT_NE(metric, nullptr) << name;
    EXPECT_TRUE(metric->headline) << name;
    EXPECT_EQ(metric->better, Direction::lower) << name;
    EXPECT_EQ(metric->floor, 0) << name;
    EXPECT_NE(metric->kind, MetricClass::noisy) << name;
  }
}

TEST(Metric, WhatTheHarnessItselfHasDecidesNothing)
{
  for (const char* name : {"process_vmas", "map_count_headroom", "moves_attempted", "vmas_before",
                           "replay_calls", "lock_operations", "page_faults_kernel"}) {
    const Metric* const metric = find_metric(name);
    ASSERT_NE(metric, nullptr) << name;
    EXPECT_FALSE(metric->headline && metric->better != Direction::neutral) << name;
  }
}

TEST(Metric, ExactOnesHaveNoFloor)
{
  for (const Metric& metric : all_metrics()) {
    if (metric.kind == MetricClass::exact) {
      EXPECT_EQ(metric.floor, 0) << metric.name;
    }
  }
}

TEST(Metric, NoisyOnesHaveAFloor)
{
  for (const Metric& metric : all_metrics()) {
    if (metric.kind == MetricClass::noisy) {
      EXPECT_GT(metric.floor, 0) << metric.name;
    }
  }
}

TEST(MetricClassText, NamesEachClass)
{
  EXPECT_EQ(to_string(MetricClass::exact), "exact");
  EXPECT_EQ(to_string(MetricClass::deterministic), "deterministic");
  EXPECT_EQ(to_string(MetricClass::noisy), "noisy");
}

TEST(DirectionText, NamesEachDirection)
{
  EXPECT_EQ(to_string(Direction::lower), "lower is better");
  EXPECT_EQ(to_string(Direction::higher), "higher is better");
  EXPECT_EQ(to_string(Direction::neutral), "neither is better");
}

}  // namespace
}  // namespace rmaplab
