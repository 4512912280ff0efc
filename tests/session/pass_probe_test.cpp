// SPDX-License-Identifier: GPL-2.0-only
#include "session/pass_probe.h"

#include <gtest/gtest.h>

#include <set>

#include "results/metric.h"

namespace rmaplab
{
namespace
{

TEST(MetricsOfAPass, AreInTheRegistry)
{
  for (const Mode mode : {Mode::host, Mode::exact, Mode::smp})
    for (const PassInfo& info : all_passes()) {
      const auto names = metrics_of({.mode = mode}, info.pass);
      EXPECT_FALSE(names.empty()) << info.name;
      for (const std::string& name : names)
        EXPECT_TRUE(find_metric(name)) << name << " of " << info.name;
    }
}

TEST(MetricsOfAPass, BelongToOnePassEach)
{
  for (const Mode mode : {Mode::host, Mode::exact}) {
    std::set<std::string> seen;
    for (const PassInfo& info : all_passes()) {
      if (info.pass == Pass::forest)
        continue;  // gives no figures of its own: its name stands for what it could not read
      for (const std::string& name : metrics_of({.mode = mode}, info.pass))
        EXPECT_TRUE(seen.insert(name).second) << name;
    }
  }
}

TEST(MetricsOfThePassWithoutProbes, AreTheModesTimes)
{
  EXPECT_EQ(metrics_of({.mode = Mode::host}, Pass::bare).front(), "wall_time");
  EXPECT_EQ(metrics_of({.mode = Mode::smp}, Pass::bare).front(), "wall_time");
  EXPECT_EQ(metrics_of({.mode = Mode::exact}, Pass::bare).front(), "instructions");
}

TEST(PassTable, HasEachPassOnceInTheOrderOfTheEnum)
{
  int number = 0;
  for (const PassInfo& info : all_passes())
    EXPECT_EQ(static_cast<int>(info.pass), number++) << info.name;
  EXPECT_EQ(number, static_cast<int>(Pass::forest) + 1);
}

TEST(PassTable, TellsWhatIsArmedAndWhatItCosts)
{
  for (const PassInfo& info : all_passes()) {
    EXPECT_FALSE(info.arms.empty()) << info.name;
    EXPECT_FALSE(info.cost.empty()) << info.name;
    EXPECT_EQ(to_string(info.pass), info.name);
  }
}

}  // namespace
}  // namespace rmaplab
