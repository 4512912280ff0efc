// SPDX-License-Identifier: GPL-2.0-only
#include "results/run_dir.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include <algorithm>

#include "base/files.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

class RunDir : public testing::Test
{
 protected:
  void SetUp() override { ASSERT_TRUE(temp_) << to_string(temp_.error()); }
  fs::path folder() const { return temp_->path() / "one"; }
  fs::path unfinished() const { return temp_->path() / "one.partial"; }

  void store_and_finish(const rmaplab::Run& run)
  {
    auto writer = RunWriter::create(folder());
    ASSERT_TRUE(writer) << to_string(writer.error());
    ASSERT_TRUE(writer->store(run));
    const auto final_name = writer->finish();
    ASSERT_TRUE(final_name) << to_string(final_name.error());
    EXPECT_EQ(*final_name, folder());
  }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

Run example()
{
  return {.manifest = {{"mode", "exact"}, {"workload.w", "1"}},
          .samples = {{.run = "one",
                       .workload = "w",
                       .workload_version = 1,
                       .metric = "vmas",
                       .unit = "VMAs",
                       .value = 64.0}},
          .dmesg = "[0.0] Linux\n",
          .config = "CONFIG_MMU=y\n"};
}

TEST_F(RunDir, IsPartialUntilFinished)
{
  auto writer = RunWriter::create(folder());
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->store(example()));
  EXPECT_EQ(writer->partial(), unfinished());
  EXPECT_TRUE(fs::is_directory(unfinished()));
  EXPECT_FALSE(fs::exists(folder()));
}

TEST_F(RunDir, HasOnlyItsFinalNameWhenFinished)
{
  store_and_finish(example());
  EXPECT_TRUE(fs::is_directory(folder()));
  EXPECT_FALSE(fs::exists(unfinished()));
}

TEST_F(RunDir, ReadsBackWhatWasStored)
{
  const rmaplab::Run run = example();
  store_and_finish(run);
  const auto read = read_run(folder());
  ASSERT_TRUE(read) << to_string(read.error());
  EXPECT_EQ(read->folder, folder());
  Manifest kept = read->manifest;
  EXPECT_EQ(kept["samples.rows"], "1");
  kept.erase("samples.rows");
  kept.erase("samples.crc32");
  EXPECT_EQ(kept, run.manifest);
  EXPECT_TRUE(read->checked);
  EXPECT_EQ(read->samples, run.samples);
  EXPECT_EQ(read->dmesg, run.dmesg);
  EXPECT_EQ(read->config, run.config);
}

TEST_F(RunDir, StoringAgainReplaces)
{
  auto writer = RunWriter::create(folder());
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->store(example()));
  rmaplab::Run more = example();
  more.samples.push_back(more.samples[0]);
  more.samples[1].repetition = 1;
  ASSERT_TRUE(writer->store(more));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(read_run(folder())->samples, more.samples);
}

TEST_F(RunDir, WithoutConfigHasNoConfigFile)
{
  rmaplab::Run run = example();
  run.config.clear();
  store_and_finish(run);
  EXPECT_FALSE(fs::exists(folder() / "config"));
  EXPECT_EQ(read_run(folder())->config, "");
}

TEST_F(RunDir, ExistingFolderIsRefused)
{
  fs::create_directory(folder());
  const auto writer = RunWriter::create(folder());
  ASSERT_FALSE(writer);
  EXPECT_EQ(writer.error().code, Errc::usage);
  EXPECT_EQ(to_string(writer.error()), folder().string() + " exists already");
}

TEST_F(RunDir, UnfinishedRunIsNotRead)
{
  auto writer = RunWriter::create(folder());
  ASSERT_TRUE(writer);
  ASSERT_TRUE(writer->store(example()));
  const auto run = read_run(unfinished());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Errc::usage);
  EXPECT_EQ(to_string(run.error()), unfinished().string() + " is a run that was not finished");
}

TEST_F(RunDir, SlashAtTheEndDoesNotHideAnUnfinishedRun)
{
  const auto run = read_run(unfinished() / "");
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Errc::usage);
}

TEST_F(RunDir, SlashAtTheEndMakesNoDifferenceToReading)
{
  store_and_finish(example());
  const auto run = read_run(folder() / "");
  ASSERT_TRUE(run) << to_string(run.error());
  EXPECT_EQ(run->folder, folder());
}

TEST_F(RunDir, MissingManifestIsNamed)
{
  fs::create_directory(folder());
  const auto run = read_run(folder());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().context, "open " + (folder() / "manifest.json").string());
}

TEST_F(RunDir, BadSampleIsRejectedWithFileAndLine)
{
  store_and_finish(example());
  ASSERT_TRUE(write_file(folder() / "samples.csv", samples_header() + "cut"));
  const auto run = read_run(folder());
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().context, (folder() / "samples.csv").string() +
                                     ":2: file is cut off: the last line has no newline");
}

TEST(TimeStamp, HasTheFormOfAFileNameThatSorts)
{
  std::string form = time_stamp();
  std::replace_if(
      form.begin(), form.end(), [](char c) { return c >= '0' && c <= '9'; }, '0');
  EXPECT_EQ(form, "00000000T000000Z");
}

class RunDirs : public testing::Test
{
 protected:
  void SetUp() override { ASSERT_TRUE(temp_) << to_string(temp_.error()); }
  // One run of this kernel, with a value a boot.
  void store(const std::string& name, const std::string& release, std::vector<int> boots)
  {
    rmaplab::Run run{
        .manifest = {{"mode", "host"}, {"kernel.release", release}, {"workload.w", "1"}}};
    for (const int boot : boots)
      run.samples.push_back({.run = name,
                             .boot = boot,
                             .workload = "w",
                             .workload_version = 1,
                             .metric = "vmas",
                             .unit = "VMAs",
                             .value = 1.0});
    auto writer = RunWriter::create(temp_->path() / name);
    ASSERT_TRUE(writer && writer->store(run) && writer->finish());
  }
  std::string boots_read() const
  {
    const auto run = read_runs(temp_->path());
    if (!run)
      return to_string(run.error());
    std::string boots;
    for (const Sample& sample : run->samples)
      boots += std::to_string(sample.boot) + " ";
    return boots;
  }

 protected:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(RunDirs, RunsOfOneKernelAreItsBoots)
{
  store("20260101T000000Z", "7.2.13", {0});
  store("20260102T000000Z", "7.2.13", {0});
  EXPECT_EQ(boots_read(), "1 2 ");
}

TEST_F(RunDirs, ARunOfSeveralBootsKeepsThem)
{
  store("a", "7.2.13", {1, 2, 3});
  store("b", "7.2.13", {1});
  EXPECT_EQ(boots_read(), "1 2 3 4 ");
}

TEST_F(RunDirs, WhatIsCalledLikeABootAndIsNoneIsAGap)
{
  store("1", "7.2.13", {0});
  ASSERT_TRUE(write_file(temp_->path() / "2", ""));
  ASSERT_TRUE(write_file(temp_->path() / "report.txt", ""));
  fs::create_symlink("nothing", temp_->path() / "3");
  const auto run = read_runs(temp_->path());
  ASSERT_TRUE(run);
  std::set<std::string> gaps;
  for (const Gap& gap : run->gaps)
    gaps.insert(gap.text);
  EXPECT_EQ(gaps, (std::set<std::string>{"2 is no folder: no boot is known",
                                         "3 is a link to nothing: no boot is known"}));
}

TEST_F(RunDirs, ARunThatHoldsRunsIsRefused)
{
  store("a", "7.2.13", {0});
  store("a/1", "7.2.13", {0});
  const auto run = read_runs(temp_->path() / "a");
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().context.find("is a run and holds runs, 1 for one"), std::string::npos);
}

// Each was read without a word, a part of it as 0.
TEST_F(RunDirs, APlanThatMeansNothingIsRefused)
{
  for (const auto& [key, value] :
       std::vector<std::pair<std::string, std::string>>{{"plan.boots", "3x"},
                                                        {"plan.boots", "-1"},
                                                        {"plan.boots", "0"},
                                                        {"plan.boots", ""},
                                                        {"plan.boots", "99999999999999999999"},
                                                        {"replicas", "2"},
                                                        {"plan.cases.1", "bare=98x"},
                                                        {"plan.cases.1", "bare=1,state=1"},
                                                        {"plan.cases.1", "bare=-5"},
                                                        {"plan.cases.1", "bare=0"},
                                                        {"plan.cases.1", ""},
                                                        {"plan.cases.01", "bare=1"},
                                                        {"plan.cases.1", "bare=1 bare=1"},
                                                        {"plan.cases.2", "bare=1"},
                                                        {"plan.cases", "bare=1"}}) {
    Manifest manifest = {{"mode", "exact"}, {"plan.boots", "1"}, {"plan.cases.1", "bare=1"}};
    ASSERT_TRUE(check_plan_keys("m", manifest));
    manifest[key] = value;
    EXPECT_FALSE(check_plan_keys("m", manifest)) << key << " " << value;
  }
}

TEST_F(RunDirs, ARowThatItsManifestKnowsNothingOfIsRefused)
{
  const Sample good = {.run = "r",
                       .boot = 1,
                       .workload = "w",
                       .workload_version = 1,
                       .metric = "vmas",
                       .unit = "VMAs",
                       .value = 1.0,
                       .pass = "state"};
  const std::vector<std::pair<const char*, std::function<void(Sample&)>>> harms = {
      {"workload", [](Sample& row) { row.workload = "x"; }},
      {"workload_version", [](Sample& row) { row.workload_version = 7; }},
      {"boot", [](Sample& row) { row.boot = 7; }},
      {"pass", [](Sample& row) { row.pass = "stat"; }},
      {"run", [](Sample& row) { row.run = "other"; }},
      {"value", [](Sample& row) { row.value = -1.0; }},
      {"value", [](Sample& row) { row.value = 1e308; }}};
  int number = 0;
  for (const auto& [column, harm] : harms) {
    rmaplab::Run run{.manifest = {{"mode", "exact"},
                                  {"plan.boots", "1"},
                                  {"plan.cases.1", "state=2"},
                                  {"workload.w", "1"}},
                     .samples = {good, good}};
    run.samples[1].arguments = "n=1";
    harm(run.samples[1]);
    const auto folder = temp_->path() / std::to_string(++number);
    auto writer = RunWriter::create(folder);
    ASSERT_TRUE(writer && writer->store(run) && writer->finish());
    const auto read = read_run(folder);
    ASSERT_FALSE(read) << column << " " << number;
    EXPECT_NE(read.error().context.find(std::string("samples.csv:3: ") + column + " is "),
              std::string::npos)
        << read.error().context;
  }
}

TEST_F(RunDirs, ACopyOfABootIsNoBoot)
{
  rmaplab::Run run{.manifest = {{"mode", "host"}, {"run", "r"}, {"start", "20260101T000000Z"}}};
  for (const char* name : {"1", "2"}) {
    auto writer = RunWriter::create(temp_->path() / name);
    ASSERT_TRUE(writer && writer->store(run) && writer->finish());
  }
  EXPECT_NE(boots_read().find("are the same run: a copy is no boot"), std::string::npos)
      << boots_read();
}

TEST_F(RunDirs, ACopyIsKnownByItsRowsWhereItDoesNotSayWhenItBegan)
{
  rmaplab::Run run{.manifest = {{"mode", "host"}, {"start", "20260101T000000Z"}}};
  for (const char* name : {"1", "2"}) {
    auto writer = RunWriter::create(temp_->path() / name);
    ASSERT_TRUE(writer && writer->store(run) && writer->finish());
    run.manifest.erase("start");
  }
  EXPECT_NE(boots_read().find("a copy is no boot"), std::string::npos) << boots_read();
}

TEST_F(RunDirs, RunsOfOneBootOfAMachineCountOnce)
{
  int number = 0;
  for (const char* id : {"a", "b", "a", "a"}) {
    const std::string name = std::to_string(++number);
    rmaplab::Run run{
        .manifest = {{"mode", "host"}, {"start", name}, {"host.boot_id", id}, {"workload.w", "1"}},
        .samples = {{.workload = "w",
                     .workload_version = 1,
                     .metric = "vmas",
                     .unit = "VMAs",
                     .value = static_cast<double>(number),
                     .pass = "bare"}}};
    auto writer = RunWriter::create(temp_->path() / name);
    ASSERT_TRUE(writer && writer->store(run) && writer->finish());
  }
  EXPECT_EQ(boots_read(), "1 2 1 1 ");
  EXPECT_EQ(
      read_runs(temp_->path())->notes,
      std::vector<std::string>{"4 runs of a host are of 2 boots: runs of one boot count once"});
}

TEST_F(RunDirs, AnUnfinishedRunIsRefusedByWhateverName)
{
  store("x.partial", "7.2.13", {0});
  fs::create_symlink("x.partial", temp_->path() / "y");
  fs::create_directory_symlink("x.partial", temp_->path() / "z");
  for (const char* name : {"x.partial", "x.partial/", "x.partial/.", "y", "z/."}) {
    const auto run = read_run(temp_->path() / name);
    ASSERT_FALSE(run) << name;
    EXPECT_NE(run.error().context.find("was not finished"), std::string::npos) << name;
  }
}

TEST_F(RunDirs, AModeThatNobodyKnowsIsRefused)
{
  store("1", "7.2.13", {0});
  Manifest manifest = *read_manifest(temp_->path() / "1/manifest.json");
  manifest["mode"] = "bananas";
  ASSERT_TRUE(write_file(temp_->path() / "1/manifest.json", manifest_json(manifest)));
  const auto run = read_run(temp_->path() / "1");
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().context.find("host, exact or smp, found \"bananas\""), std::string::npos);
}

TEST_F(RunDirs, AFileThatIsCalledLikeARunIsAGap)
{
  store("20260101T000000Z", "7.2.13", {0});
  ASSERT_TRUE(write_file(temp_->path() / "20260102T000000Z", ""));
  EXPECT_EQ(read_runs(temp_->path())->gaps.size(), 1U);
}

TEST_F(RunDirs, APlanWithoutChecksumIsAGap)
{
  const auto folder = temp_->path() / "1";
  ASSERT_TRUE(make_directories(folder));
  ASSERT_TRUE(write_file(folder / "samples.csv", samples_header()));
  ASSERT_TRUE(write_file(folder / "manifest.json",
                         manifest_json({{"mode", "exact"}, {"plan.boots", "1"}})));
  const auto run = read_run(folder);
  ASSERT_TRUE(run) << to_string(run.error());
  EXPECT_NE(std::find_if(run->gaps.begin(), run->gaps.end(),
                         [](const Gap& gap) {
                           return gap.text.find("no samples.rows or no samples.crc32") !=
                                  std::string::npos;
                         }),
            run->gaps.end());
}

TEST_F(RunDirs, TwoKernelsAreNoBootsOfOne)
{
  store("a", "7.2.13", {0});
  store("b", "7.0.13", {0});
  EXPECT_NE(boots_read().find("are no boots of one kernel: they differ in the kernel"),
            std::string::npos)
      << boots_read();
}

}  // namespace
}  // namespace rmaplab
