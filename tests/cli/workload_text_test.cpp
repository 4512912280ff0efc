// SPDX-License-Identifier: GPL-2.0-only
#include "cli/workload_text.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{
namespace
{

const Workload kLoaf{
    .name = "loaf",
    .summary = "bakes a loaf",
    .patches = "series 1: 4, 8; series 2",
    .item = "loaf",
    .arguments = {{.name = "slices"}, {.name = "kind", .labels = {"white", "brown"}}},
    .quick = {{1, 0}},
    .full = {{1, 0}, {2, 1}},
    .memory_pages = [](const Values& v) { return v[0] * 256; }};
const Workload kSecret{.name = "secret", .hidden = true};
const Workload* const kBakery[] = {&kLoaf, &kSecret};

TEST(CatalogText, TellsNameSummaryArgumentsWithTheirValuesAndPatches)
{
  const std::string text = catalog_text(kBakery);
  EXPECT_EQ(text.substr(0, text.find("\n\n")),
            "loaf  bakes a loaf\n"
            "      arguments: slices, kind (white, brown)\n"
            "      patches: series 1: 4, 8; series 2");
}

TEST(CatalogText, SaysWhichPatchesHaveNoPath)
{
  EXPECT_NE(catalog_text(kBakery).find("6 (makes functions internal)"), std::string::npos);
}

TEST(CatalogText, HasNoLineOfMoreThanAHundredColumns)
{
  const std::string text = catalog_text(catalog());
  for (const auto line : lines_of(text))
    EXPECT_LE(line.size(), 100u) << line;
}

TEST(StoryText, TellsTheMostMemoryOfAnyFullCase)
{
  EXPECT_NE(story_text(kLoaf).find("at most 2 MiB"), std::string::npos);
}

TEST(CatalogMarkdown, ListsTheWorkloadsOfEachPatch)
{
  const std::string text = catalog_markdown(kBakery);
  for (const char* row : {"| 1/4 | loaf |\n", "| 1/8 | loaf |\n", "| 2 | loaf |\n"})
    EXPECT_NE(text.find(row), std::string::npos) << row;
  EXPECT_EQ(text.find("secret"), std::string::npos);
}

TEST(CatalogMarkdown, ThePageInDocsIsTheOneThatListPrints)
{
  const auto page = read_file(RMAPLAB_TEST_DIR "/../docs/workloads.md");
  ASSERT_TRUE(page);
  EXPECT_TRUE(*page == catalog_markdown(catalog()))
      << "docs/workloads.md is old; make it anew: rmaplab list --markdown >docs/workloads.md";
}

}  // namespace
}  // namespace rmaplab
