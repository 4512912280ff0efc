// SPDX-License-Identifier: GPL-2.0-only
#include "base/ktap.h"

#include <gtest/gtest.h>

namespace rmaplab
{

TEST(Ktap, HeaderIsVersionAndPlan)
{
  EXPECT_EQ(ktap_header(3), "KTAP version 1\n1..3\n");
}

TEST(Ktap, ResultIsOneLine)
{
  EXPECT_EQ(ktap_result(1, "merge/gap_UF/alone", Outcome::ok), "ok 1 merge/gap_UF/alone\n");
}

TEST(Ktap, WhatIsWrongComesBeforeTheResult)
{
  EXPECT_EQ(ktap_result(2, "a", Outcome::not_ok, "VMAs: expected 0-2, found none\nand more\n"),
            "# VMAs: expected 0-2, found none\n# and more\nnot ok 2 a\n");
}

TEST(Ktap, SkipIsOkWithAReason)
{
  EXPECT_EQ(ktap_result(3, "a", Outcome::skip, "no swap\n"), "ok 3 a # SKIP no swap\n");
}

TEST(Ktap, TextCannotLookLikeAResultOrDirective)
{
  EXPECT_EQ(ktap_result(4, "a", Outcome::skip, "x # TODO y\nok 5 b"),
            "ok 4 a # SKIP x   TODO y ok 5 b\n");
  EXPECT_EQ(ktap_diagnostic("not ok 1 a\nok 2 b\n"), "# not ok 1 a\n# ok 2 b\n");
  EXPECT_EQ(ktap_diagnostic("\n"), "");
}

}  // namespace rmaplab
