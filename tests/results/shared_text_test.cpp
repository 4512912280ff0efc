// SPDX-License-Identifier: GPL-2.0-only
#include "results/shared_text.h"

#include <gtest/gtest.h>

#include <map>
#include <unordered_set>
#include <vector>

namespace rmaplab
{
namespace
{

TEST(SharedText, IsTheTextItWasMadeOf)
{
  const std::string name = "fork_flat";
  const SharedText text = name;
  EXPECT_EQ(text, name);
  EXPECT_EQ(text, "fork_flat");
  EXPECT_NE(text, "fork_skip");
  EXPECT_EQ(text.str(), name);
  EXPECT_EQ(fmt::format("{:>10}", text), " fork_flat");
  EXPECT_TRUE(SharedText().empty());
  EXPECT_EQ(SharedText(""), SharedText());
}

TEST(SharedText, EqualTextsAreOneWhateverCameBetween)
{
  std::vector<SharedText> texts;
  for (int i = 0; i < 10'000; ++i)
    texts.emplace_back("vmas=" + std::to_string(i));
  for (int i = 0; i < 10'000; ++i) {
    const SharedText again = "vmas=" + std::to_string(i);
    ASSERT_EQ(&again.str(), &texts[static_cast<std::size_t>(i)].str());
    ASSERT_EQ(again, texts[static_cast<std::size_t>(i)]);
  }
}

TEST(SharedText, SortsByItsTextAndNotByWhenItCame)
{
  const std::map<SharedText, int> sorted = {{"zebra", 1}, {"apple", 2}, {"", 3}};
  EXPECT_EQ(sorted.begin()->second, 3);
  EXPECT_EQ(std::next(sorted.begin())->first, "apple");
}

TEST(SharedText, HashesOfSmallNumbersDoNotMeet)
{
  std::unordered_set<std::size_t> hashes;
  for (int boot = 0; boot < 50; ++boot)
    for (int repetition = 0; repetition < 1000; ++repetition)
      hashes.insert(hash_of(boot, SharedText("w"), repetition, SharedText("")));
  EXPECT_EQ(hashes.size(), 50'000u);
}

}  // namespace
}  // namespace rmaplab
