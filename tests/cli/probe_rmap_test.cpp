// SPDX-License-Identifier: GPL-2.0-only
#include "cli/probe_rmap.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace rmaplab
{
namespace
{

TEST(RmapQuestion, HasProcessesARangeAndWhetherToWalk)
{
  const auto question =
      parse_rmap_question({"walk=0", "range=1000-2f00", "disowned=1f00", "77", "78"});
  ASSERT_TRUE(question);
  EXPECT_FALSE(question->walk);
  EXPECT_EQ(question->range, (AddressRange{.begin = 0x1000, .end = 0x2f00}));
  EXPECT_EQ(question->disowned, 0x1f00u);
  EXPECT_EQ(question->pids, (std::vector<pid_t>{77, 78}));
  EXPECT_FALSE(parse_rmap_question({"walk=0"}));
  EXPECT_FALSE(parse_rmap_question({"range=1000", "77"}));
  EXPECT_FALSE(parse_rmap_question({"0"}));
}

TEST(RmapAnswer, HasALineForEachFaultAndReason)
{
  EXPECT_EQ(to_answer({.vmas = 3, .walked = 7, .faults = {"VMA\nx"}, .no_walk = "one node"}),
            " vmas=3 walked=7 rows=2\nfault VMA x\nno_walk one node");
}

// A forest that is wrong is not walked: the anon_vma of its pages may be freed memory.
TEST(RmapReport, WrongAnonVmasAreNotWalked)
{
  const Forest forest{
      .page_bytes = 4096,
      .processes = {{.pid = ::getpid(),
                     .comm = "x",
                     .vmas = {{.start = 0x1000, .end = 0x2000, .perms = "rw-p", .chain = {1}}}}},
      .anon_vmas = {{.root = 1, .parent = 1}}};
  const auto report = look_at_rmap(forest, {.pids = {::getpid()}});
  ASSERT_EQ(report.faults.size(), 1u);
  EXPECT_EQ(report.walked, 0u);
  EXPECT_EQ(report.no_walk, "the anon_vmas are wrong");
}

TEST(RmapReport, WithoutForestAndWalkNothingWasLookedAt)
{
  const Error none{.code = Errc::unsupported, .context = "no BTF"};
  const auto report = look_at_rmap(Result<Forest>(none), {.pids = {::getpid()}, .walk = false});
  EXPECT_TRUE(report.faults.empty());
  EXPECT_EQ(report.no_forest, "no BTF");
  EXPECT_EQ(report.no_walk, "not asked for");
  EXPECT_EQ(report.vmas, 0u);
}

}  // namespace
}  // namespace rmaplab
