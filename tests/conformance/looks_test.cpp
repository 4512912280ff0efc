// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/looks.h"

#include <gtest/gtest.h>

#include "conformance/check.h"
#include "conformance/kin.h"
#include "conformance/known_faults.h"

namespace rmaplab
{
namespace
{

TEST(Looks, TheFirstCallsAreAllLookedAtLaterOnesEverMoreRarely)
{
  for (std::uint64_t call = 1; call <= 64; ++call)
    EXPECT_TRUE(worth_a_look(call)) << call;
  EXPECT_FALSE(worth_a_look(65));
  EXPECT_TRUE(worth_a_look(128));
  EXPECT_FALSE(worth_a_look(129));
}

TEST(Looks, WhatWasNotLookedAtIsToldByNumberAndReason)
{
  EXPECT_EQ(describe_looks(10, 3, 0, ""),
            "the reverse mapping was looked at after 10 calls, not after 3");
  EXPECT_EQ(describe_looks(10, 3, 4, "no BTF"),
            "the reverse mapping was looked at after 10 calls, not after 7\n"
            "4 of those could not be looked at: no BTF");
  EXPECT_EQ(describe_looks(0, 3, 4, "no BTF"), "the reverse mapping was not looked at: no BTF");
}

// In children, for a process cannot take a looker back.
TEST(Looks, AFaultEndsTheCheckWithTheCallAndNoLooksKeepsFromIt)
{
  auto counts = SharedLookCounts::create();
  ASSERT_TRUE(counts);
  const auto found = in_child([&] {
    begin_looks(
        [](const LookQuestion&) -> Result<LookAnswer> { return LookAnswer{.faults = {"VMA x"}}; },
        counts->counts());
    {
      const NoLooks quiet;
      look_now("nothing");
    }
    look_after("mremap");
  });
  ASSERT_FALSE(found);
  EXPECT_NE(to_string(found.error()).find("wrong after mremap:\nVMA x"), std::string::npos)
      << to_string(found.error());
  EXPECT_EQ(counts->counts().passed_over, 1u);
  EXPECT_EQ(counts->counts().looked, 1u);
}

TEST(Looks, WhatCannotBeSeenIsNoFaultAndCounted)
{
  auto counts = SharedLookCounts::create();
  ASSERT_TRUE(counts);
  const auto found = in_child([&] {
    begin_looks(
        [](const LookQuestion&) -> Result<LookAnswer> {
          return LookAnswer{.not_looked = "no BTF"};
        },
        counts->counts());
    look_after("mremap");
  });
  EXPECT_TRUE(found);
  EXPECT_GE(counts->counts().not_looked, 1u);
  EXPECT_STREQ(counts->counts().reason, "no BTF");
}

TEST(KnownFaults, AreFoundByCheckAndByWhatItSays)
{
  const auto* const lost =
      find_known_fault("merge/move_home_after_U/alone",
                       "VMA 1-2 of process 3 (x) has 2 anonymous pages and no anon_vma: no walk");
  ASSERT_TRUE(lost);
  EXPECT_STREQ(lost->commit, "61f67c230a5e");
  const auto* const child = find_known_fault("merge/move_home_after_U/child",
                                             "merged, which commit 3b617fd3d317 forbids");
  ASSERT_TRUE(child);
  EXPECT_STREQ(child->commit, "3b617fd3d317");
  EXPECT_EQ(find_known_fault("merge/gap_UF/alone", "and no anon_vma"), nullptr);
  EXPECT_EQ(find_known_fault("merge/move_home_after_U/alone", "page 2 has other data"), nullptr);
}

TEST(KnownFaults, EachNamesAnExistingCheckItsCommitAndWhereItWasMended)
{
  for (const KnownFault& fault : known_faults()) {
    EXPECT_TRUE(select_checks(fault.checks)) << fault.checks;
    EXPECT_EQ(std::string_view(fault.commit).size(), 12u) << fault.commit;
    EXPECT_NE(describe(fault).find(fault.mended), std::string::npos);
  }
}

}  // namespace
}  // namespace rmaplab
