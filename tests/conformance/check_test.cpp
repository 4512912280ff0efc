// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/check.h"

#include <gtest/gtest.h>

#include <set>

namespace rmaplab
{

TEST(Checks, NamesAreUniqueAndFitKtap)
{
  std::set<std::string> names;
  for (const Check& check : all_checks()) {
    EXPECT_TRUE(names.insert(check.name).second) << check.name;
    EXPECT_EQ(check.name.find_first_of(" #,*?[\n"), std::string::npos) << check.name;
    EXPECT_NE(check.name.find('/'), std::string::npos) << check.name;
  }
}

TEST(Checks, EachSaysWhatItClaimsAndWhereTheRuleIsFrom)
{
  for (const Check& check : all_checks()) {
    EXPECT_FALSE(check.summary.empty()) << check.name;
    EXPECT_FALSE(check.source.empty()) << check.name;
    EXPECT_TRUE(check.run) << check.name;
  }
}

TEST(Checks, GlobSelectsByName)
{
  const auto some = select_checks("merge/gap_UF/*,oracle/*");
  ASSERT_TRUE(some);
  EXPECT_EQ(some->size(), 10u);  // eight relatives and the two oracles
}

TEST(Checks, HiddenOnesAreSelectedByTheirNameOnly)
{
  const auto all = select_checks("*");
  ASSERT_TRUE(all);
  for (const Check* check : *all)
    EXPECT_FALSE(check->hidden) << check->name;
  EXPECT_FALSE(select_checks("hidden/*"));
  const auto one = select_checks("hidden/wrong");
  ASSERT_TRUE(one);
  EXPECT_EQ(one->size(), 1u);
}

TEST(Checks, GlobThatMatchesNothingIsUsage)
{
  const auto none = select_checks("nosuch");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Errc::usage);
}

TEST(Checks, LayoutIsWrittenInPages)
{
  EXPECT_EQ(to_string(Layout{{0, 2}, {3, 5}}), "0-2 3-5");
  EXPECT_EQ(to_string(Layout{}), "none");
}

}  // namespace rmaplab
