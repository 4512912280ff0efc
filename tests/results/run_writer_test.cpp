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

Sample value_of(const std::string& workload)
{
  return {.run = {},
          .boot = 1,
          .replica = 1,
          .workload = workload,
          .workload_version = 1,
          .arguments = {},
          .repetition = 0,
          .metric = "vmas",
          .unit = "VMAs",
          .value = 3,
          .status = SampleStatus::ok,
          .reason = {},
          .pass = "state",
          .site = {}};
}

class UnfinishedRun : public testing::Test
{
 protected:
  // As a process leaves it that is killed after two values.
  void leave_one()
  {
    fs::create_directories(partial());
    ASSERT_TRUE(write_file(partial() / "samples.csv", samples_header() + "left\n"));
  }
  Result<RunWriter> create()
  {
    return RunWriter::create(folder(), [this](const std::string& line) { told_.push_back(line); });
  }
  fs::path folder() const { return temp_->path() / "label" / "base"; }
  fs::path partial() const { return folder().string() + ".partial"; }

  Result<TempDir> temp_ = TempDir::create("run-writer");
  std::vector<std::string> told_;
};

TEST_F(UnfinishedRun, HasItsValuesAsTheyCome)
{
  auto writer = create();
  ASSERT_TRUE(writer);
  const Sample first[] = {value_of("fork_flat"), value_of("fork_chain")};
  ASSERT_TRUE(writer->append(first, "one\n"));
  ASSERT_TRUE(writer->append({}, ""));
  const Sample second[] = {value_of("remerge")};
  ASSERT_TRUE(writer->append(second, "two\n"));
  const auto samples = parse_samples("s", *read_file(partial() / "samples.csv"));
  ASSERT_TRUE(samples) << to_string(samples.error());
  ASSERT_EQ(samples->size(), 3U);
  EXPECT_EQ(writer->rows(), 3U);
  EXPECT_EQ(samples->back().workload, "remerge");
  EXPECT_EQ(samples->back().run, "base");
  EXPECT_EQ(*read_file(partial() / "dmesg.txt"), "one\ntwo\n");
}

TEST_F(UnfinishedRun, IsKeptByTheNext)
{
  leave_one();
  {
    const auto writer = create();
    ASSERT_TRUE(writer) << to_string(writer.error());
    EXPECT_TRUE(fs::is_empty(partial()));
  }
  EXPECT_EQ(told_,
            std::vector<std::string>{partial().string() +
                                     " is of a run that did not end: kept as base.1.partial"});
  EXPECT_TRUE(fs::exists(folder().string() + ".1.partial/samples.csv"));
  leave_one();
  EXPECT_TRUE(create());
  EXPECT_TRUE(fs::exists(folder().string() + ".2.partial/samples.csv"));
}

TEST_F(UnfinishedRun, OfALivingProcessIsNobodyElses)
{
  auto first = create();
  ASSERT_TRUE(first);
  const Sample value[] = {value_of("fork_flat")};
  ASSERT_TRUE(first->append(value, ""));
  const auto second = create();
  ASSERT_FALSE(second);
  EXPECT_EQ(to_string(second.error()), partial().string() + " is being written by another process");
  EXPECT_TRUE(fs::exists(partial() / "samples.csv"));
}

TEST_F(UnfinishedRun, OfALivingProcessIsNobodyElsesBeforeItsFirstValue)
{
  const auto first = create();
  ASSERT_TRUE(first);
  EXPECT_FALSE(create());
  EXPECT_TRUE(fs::exists(partial()));
}

TEST_F(UnfinishedRun, BesideAnotherIsTold)
{
  leave_one();
  const auto writer = RunWriter::create(temp_->path() / "label" / "head",
                                        [this](const std::string& line) { told_.push_back(line); });
  ASSERT_TRUE(writer);
  EXPECT_EQ(told_, std::vector<std::string>{(temp_->path() / "label").string() +
                                            " has a run that did not end: base.partial; what it "
                                            "measured is in samples.csv there"});
}

}  // namespace
}  // namespace rmaplab
