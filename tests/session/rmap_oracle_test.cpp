// SPDX-License-Identifier: GPL-2.0-only
#include "session/rmap_oracle.h"

#include <gtest/gtest.h>

namespace rmaplab
{
namespace
{

RmapVerdict verdict(const RmapLook& look)
{
  return verdict_of(Result<RmapLook>(look));
}

TEST(RmapVerdict, AFaultFailsHoweverMuchCouldNotBeSeen)
{
  const auto found = verdict({.faults = {"VMA a", "VMA b"}, .no_forest = "no BTF"});
  EXPECT_EQ(found.status, SampleStatus::fail);
  EXPECT_EQ(found.text, "VMA a; VMA b");
}

TEST(RmapVerdict, EitherOfTheTwoIsALook)
{
  EXPECT_EQ(verdict({.no_walk = "one node", .vmas = 3}).status, SampleStatus::ok);
  const auto walked = verdict({.no_forest = "no BTF", .vmas = 3, .walked = 2});
  EXPECT_EQ(walked.status, SampleStatus::ok);
  EXPECT_EQ(walked.text, "anon_vmas not looked at: no BTF, 2 pages by a walk");
}

TEST(RmapVerdict, NeitherIsASkipWithBothReasons)
{
  const auto none = verdict({.no_forest = "no BTF", .no_walk = "one node"});
  EXPECT_EQ(none.status, SampleStatus::skip);
  EXPECT_NE(none.text.find("no BTF"), std::string::npos);
  EXPECT_NE(none.text.find("one node"), std::string::npos);
}

// Without the forest a walk to no page has seen nothing.
TEST(RmapVerdict, AWalkToNoPageIsNoLook)
{
  EXPECT_EQ(verdict({.no_forest = "no BTF"}).status, SampleStatus::skip);
}

TEST(RmapVerdict, NobodyToAskIsASkip)
{
  const Error gone{.code = Errc::unsupported, .context = "rmaplab-probe has ended"};
  EXPECT_EQ(verdict_of(gone).status, SampleStatus::skip);
}

TEST(RmapLook, IsReadFromTheAnswersRows)
{
  const auto look = parse_rmap_look(
      {.fields = {{"vmas", "4"}, {"walked", "0"}},
       .rows = {"fault VMA 1000-2000 has 1 anonymous page", "no_walk not asked for"}});
  ASSERT_TRUE(look);
  EXPECT_EQ(look->faults, std::vector<std::string>{"VMA 1000-2000 has 1 anonymous page"});
  EXPECT_EQ(look->no_walk, "not asked for");
  EXPECT_EQ(look->vmas, 4u);
  EXPECT_FALSE(parse_rmap_look({.fields = {{"vmas", "4"}}}));
  EXPECT_FALSE(parse_rmap_look({.fields = {{"vmas", "4"}, {"walked", "0"}}, .rows = {"what"}}));
}

}  // namespace
}  // namespace rmaplab
