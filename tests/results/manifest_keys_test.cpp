// SPDX-License-Identifier: GPL-2.0-only
#include "results/manifest_keys.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "results/manifest.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

const fs::path kTree = fs::path(RMAPLAB_TEST_DIR).parent_path();

std::vector<Manifest> reference_manifests()
{
  std::vector<Manifest> manifests;
  for (const auto& entry : fs::recursive_directory_iterator(kTree / "results/reference"))
    if (entry.path().filename() == "manifest.json") {
      const auto manifest = read_manifest(entry.path());
      EXPECT_TRUE(manifest) << entry.path();
      if (manifest)
        manifests.push_back(*manifest);
    }
  return manifests;
}

TEST(ManifestKeys, EachKeyOfAStoredRunIsInOneRow)
{
  const auto manifests = reference_manifests();
  ASSERT_FALSE(manifests.empty());
  for (const auto& manifest : manifests)
    for (const auto& [key, value] : manifest) {
      int rows = 0;
      for (const auto& row : manifest_keys())
        rows += glob_match(row.keys, key) ? 1 : 0;
      EXPECT_EQ(rows, 1) << key;
    }
}

// A rule that asks for a key which nobody writes compares all runs without a word.
TEST(ManifestKeys, WhatIsRequiredIsWritten)
{
  const auto manifests = reference_manifests();
  for (const auto& row : manifest_keys())
    if (row.agreement == Agreement::required)
      for (const auto glob : split(row.keys, ',')) {
        bool written = glob == "trace.*";  // of runs with --trace; tests/host/replay.sh has one
        for (const auto& manifest : manifests)
          for (const auto& [key, value] : manifest)
            written |= glob_match(std::string(glob), key);
        EXPECT_TRUE(written) << glob;
      }
}

TEST(ManifestKeys, AnyRequiredKeyMakesRunsIncomparable)
{
  for (const auto& row : manifest_keys())
    for (const auto glob : split(row.keys, ',')) {
      std::string key(glob);
      if (key.back() == '*')
        key.back() = 'x';
      const Manifest base = {{"mode", "host"}, {key, "1"}};
      Manifest head = base;
      head[key] = "2";
      const bool required =
          row.agreement == Agreement::required || row.agreement == Agreement::required_of_hosts;
      EXPECT_EQ(incomparable(base, head).size(), required ? 1U : 0U) << key;
      const bool told =
          row.agreement == Agreement::told || row.agreement == Agreement::told_if_hundredth;
      EXPECT_EQ(circumstances(base, head).size(), told ? 1U : 0U) << key;
    }
}

TEST(ManifestKeys, TheSchemaHasTheSameTable)
{
  const auto schema = read_file(kTree / "results/schema.md");
  ASSERT_TRUE(schema);
  EXPECT_NE(schema->find(manifest_keys_markdown()), std::string::npos)
      << "results/schema.md should have:\n"
      << manifest_keys_markdown();
}

}  // namespace
}  // namespace rmaplab
