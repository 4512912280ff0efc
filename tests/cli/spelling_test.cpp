// SPDX-License-Identifier: GPL-2.0-only
#include "cli/spelling.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

using Words = std::vector<std::string>;

TEST(Spelling, CountsInsertedDroppedChangedAndSwappedLetters)
{
  EXPECT_EQ(letters_apart("gate", "gate"), 0U);
  EXPECT_EQ(letters_apart("gat", "gate"), 1U);
  EXPECT_EQ(letters_apart("gates", "gate"), 1U);
  EXPECT_EQ(letters_apart("gata", "gate"), 1U);
  EXPECT_EQ(letters_apart("gaet", "gate"), 1U);
  EXPECT_EQ(letters_apart("", "gate"), 4U);
  EXPECT_EQ(letters_apart("run", "list"), 4U);
}

TEST(Spelling, ASwappedPairIsNearAlsoInAShortWord)
{
  EXPECT_EQ(nearest_words("ba", {"ab", "gate", "run", "lab"}), (Words{"ab"}));
}

TEST(Spelling, OnlyTheNearestAreProposed)
{
  EXPECT_EQ(nearest_words("--replica", {"--replicas", "--relica", "--replay"}),
            (Words{"--replicas", "--relica"}));
  EXPECT_EQ(nearest_words("--replicas", {"--replicas", "--replica"}), (Words{"--replicas"}));
}

TEST(Spelling, TheBeginningOfAWordIsNear)
{
  EXPECT_EQ(nearest_words("self", {"selfcheck", "run"}), (Words{"selfcheck"}));
}

TEST(Spelling, AWordWithNothingInCommonIsNotProposed)
{
  EXPECT_EQ(nearest_words("x", {"y", "ab"}), Words{});
  EXPECT_EQ(nearest_words("frobnicate", {"ab", "gate", "selfcheck"}), Words{});
  EXPECT_EQ(nearest_words("", {"ab"}), Words{});
}

TEST(Spelling, AProposalFollowsTheWord)
{
  EXPECT_EQ(proposal("gaet", {"ab", "gate"}), " (did you mean gate?)");
  EXPECT_EQ(proposal("frobnicate", {"ab", "gate"}), "");
}

}  // namespace
}  // namespace rmaplab
