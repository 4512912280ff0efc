// SPDX-License-Identifier: GPL-2.0-only
#include "lab/mutant.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "base/files.h"
#include "lab/kernel_build.h"

namespace rmaplab
{
namespace
{

const std::string kHeader =
    "Mutant: an AVC is leaked every 16th time\n"
    "Breaks: it is taken off its list\n"
    "  and never freed.\n"
    "Workload: fork_flat\n"
    "Arguments: vmas=64\n"
    "Metric: unfreed_anon_vma_chain\n"
    "Change: +1\n"
    "Function: unlink_anon_vmas\n";
const std::string kDiff =
    "\ndiff --git a/mm/rmap.c b/mm/rmap.c\n--- a/mm/rmap.c\n+++ b/mm/rmap.c\n@@ -1 +1 @@\n-a\n+b\n";

std::string rejected(const std::string& text)
{
  const auto mutant = parse_mutant("m.patch", text);
  return mutant ? "accepted" : to_string(mutant.error());
}

std::string replaced(const std::string& from, const std::string& to)
{
  std::string text = kHeader + kDiff;
  return text.replace(text.find(from), from.size(), to);
}

TEST(Mutant, HeaderSaysWhatMustShowIt)
{
  const auto mutant = parse_mutant("avc-leaked.patch", kHeader + kDiff);
  ASSERT_TRUE(mutant) << to_string(mutant.error());
  EXPECT_EQ(mutant->name, "avc-leaked");
  EXPECT_EQ(mutant->breaks, "it is taken off its list and never freed.");
  EXPECT_EQ(mutant->workload, "fork_flat");
  EXPECT_EQ(mutant->change, 1);
  EXPECT_FALSE(mutant->relative);
  EXPECT_EQ(mutant->diff, kDiff.substr(1));
}

TEST(Mutant, ChangeIsRelativeOrACount)
{
  const auto mutant = parse_mutant("m.patch", replaced("+1\n", "-0.5%\n"));
  ASSERT_TRUE(mutant);
  EXPECT_TRUE(mutant->relative);
  EXPECT_DOUBLE_EQ(mutant->change, -0.005);
  EXPECT_EQ(change_text(*mutant), "-0.5%");
}

TEST(Mutant, MayNeedAnotherKernelAndPassThanTheRest)
{
  const auto usual = parse_mutant("m.patch", kHeader + kDiff);
  ASSERT_TRUE(usual) << to_string(usual.error());
  EXPECT_EQ(usual->config, "");
  EXPECT_EQ(usual->passes, "");
  const auto other = parse_mutant(
      "m.patch", replaced("Function:", "Config: lockstat\nPasses: bare,holds\nFunction:"));
  ASSERT_TRUE(other) << to_string(other.error());
  EXPECT_EQ(other->config, "lockstat");
  EXPECT_EQ(other->passes, "bare,holds");
}

TEST(Mutant, MayBeOfNoFunction)
{
  const auto mutant = parse_mutant("m.patch", replaced("Function: unlink_anon_vmas\n", ""));
  ASSERT_TRUE(mutant) << to_string(mutant.error());
  EXPECT_EQ(mutant->function, "");
  EXPECT_EQ(rejected(replaced("Function: unlink_anon_vmas\n", "Function:\n")),
            "m.patch:9: expected a field Function above");
}

TEST(Mutant, MayBeForACheckToCatch)
{
  const auto mutant = parse_mutant(
      "m.patch", "Mutant: m\nBreaks: b\nBelow: relocate-anon\nCheck: reach/*\n" + kDiff);
  ASSERT_TRUE(mutant) << to_string(mutant.error());
  EXPECT_EQ(mutant->check, "reach/*");
  EXPECT_EQ(mutant->below, "relocate-anon");
  EXPECT_EQ(change_text(*mutant), "not ok");
}

TEST(Mutant, MistakesAreNamedWithTheirLine)
{
  EXPECT_EQ(rejected(replaced("Metric: unfreed_anon_vma_chain", "Metric: leaks")),
            "m.patch:6: expected a metric, found \"leaks\"");
  EXPECT_EQ(rejected(replaced("+1\n", "lots\n")),
            "m.patch:7: expected a change like +10% or -1, found \"lots\"");
  EXPECT_EQ(rejected(replaced("Arguments: vmas=64\n", "")),
            "m.patch:8: expected a field Arguments above");
  EXPECT_EQ(rejected(replaced("Workload:", "Workloads:")),
            "m.patch:4: expected one of the fields Mutant, Breaks, Below, Config, Check, Workload, "
            "Arguments, Metric, Change, Passes, Function");
  EXPECT_NE(rejected(kHeader), "accepted");
}

// What is read of a folder below kernel-configs, each with another title.
std::size_t readable_in(const char* folder)
{
  std::set<std::string> titles;
  for (const auto& entry : std::filesystem::directory_iterator(kernel_configs_folder() / folder)) {
    const auto text = read_file(entry.path());
    const auto mutant = parse_mutant(entry.path().filename(), text ? *text : "");
    EXPECT_TRUE(mutant) << to_string(mutant.error());
    if (mutant)
      titles.insert(mutant->title);
  }
  return titles.size();
}

TEST(Mutant, ThoseThatComeWithUsAreAtLeastTwelveAndReadable)
{
  EXPECT_GE(readable_in("mutants"), 12u);
  EXPECT_GE(readable_in("relocate-anon/mutants"), 3u);
}

}  // namespace
}  // namespace rmaplab
