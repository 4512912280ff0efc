// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <filesystem>
#include <utility>

#include "base/files.h"
#include "results/run_dir.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

TEST(RunWriter, LeavesNoFolderWhereNothingWasStored)
{
  const auto temp = TempDir::create("run-writer");
  ASSERT_TRUE(temp);
  {
    auto writer = RunWriter::create(temp->path() / "label" / "base");
    ASSERT_TRUE(writer);
    const RunWriter moved = *std::move(writer);
    EXPECT_TRUE(fs::exists(temp->path() / "label/base.partial"));
  }
  EXPECT_FALSE(fs::exists(temp->path() / "label"));
}

TEST(RunWriter, KeepsWhatWasStoredAndTheFolderAboveItsNeighbours)
{
  const auto temp = TempDir::create("run-writer");
  ASSERT_TRUE(temp);
  {
    auto base = RunWriter::create(temp->path() / "label" / "base");
    auto head = RunWriter::create(temp->path() / "label" / "head");
    ASSERT_TRUE(base && head);
    ASSERT_TRUE(base->store(rmaplab::Run{}));
  }
  EXPECT_TRUE(fs::exists(temp->path() / "label/base.partial/samples.csv"));
  EXPECT_FALSE(fs::exists(temp->path() / "label/head.partial"));
}

}  // namespace
}  // namespace rmaplab
