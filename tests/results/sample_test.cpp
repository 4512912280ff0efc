// SPDX-License-Identifier: GPL-2.0-only
#include "results/sample.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <boost/crc.hpp>

#include "base/files.h"
#include "results/metric.h"

namespace rmaplab
{
namespace
{

const std::string kGoodRow = "r,1,2,fork,1,vmas=64,0,vmas,VMAs,64,ok,,state,\n";

Sample measured()
{
  return {.run = "20261120T170512Z",
          .boot = 2,
          .replica = 3,
          .workload = "fork_exit",
          .workload_version = 1,
          .arguments = "vmas=64;kind=dontfork",
          .repetition = 4,
          .metric = "wall_time",
          .unit = "ns/op",
          .value = 1234.5,
          .status = SampleStatus::ok,
          .reason = "",
          .pass = "bare"};
}

Sample skipped(const std::string& reason)
{
  Sample sample = measured();
  sample.value.reset();
  sample.status = SampleStatus::skip;
  sample.reason = reason;
  return sample;
}

Sample stored_and_read(const Sample& sample)
{
  const auto samples = parse_samples("s.csv", samples_header() + sample_row(sample));
  if (!samples || samples->size() != 1) {
    ADD_FAILURE() << (samples ? "not one row" : to_string(samples.error()));
    return {};
  }
  return samples->front();
}

std::string error_of_text(const std::string& text)
{
  const auto samples = parse_samples("s.csv", text);
  if (samples)
    return "no error";
  EXPECT_EQ(samples.error().code, Errc::parse);
  return to_string(samples.error());
}

TEST(ParseSamples, ADifferenceAloneMayBeNegative)
{
  for (const Metric& metric : all_metrics()) {
    Sample sample = measured();
    sample.metric = metric.name;
    sample.unit = metric.unit;
    sample.value = -121;
    const auto samples = parse_samples("s.csv", samples_header() + sample_row(sample));
    EXPECT_EQ(static_cast<bool>(samples), metric.difference) << metric.name;
  }
}

TEST(ParseReadableSamples, ARowThatCannotBeReadCostsNoOther)
{
  const std::string text = samples_header() + kGoodRow + "short,row\n" +
                           "r,1,2,fork,1,vmas=65,0,vmas,VMAs,-1,ok,,state,\n" + kGoodRow +
                           "r,1,2,fork,1,vmas=66,0,vmas,VMAs,66,ok,,state,\n";
  const auto read = parse_readable_samples("s.csv", text);
  ASSERT_EQ(read.samples.size(), 2U);
  EXPECT_EQ(read.samples[1].arguments, "vmas=66");
  ASSERT_EQ(read.rejected.size(), 3U);
  EXPECT_TRUE(read.rejected[0].starts_with("s.csv:3: ")) << read.rejected[0];
  EXPECT_EQ(rows_rejected(read.rejected), "3 rows cannot be read: " + read.rejected[0]);
}

TEST(ParseReadableSamples, ATextThatIsCutOffIsRejectedAsAWhole)
{
  const auto read = parse_readable_samples("s.csv", samples_header() + "r,1,2");
  EXPECT_TRUE(read.samples.empty());
  EXPECT_EQ(read.rejected.size(), 1U);
}

// The row is on line 3.
std::string error_of_row(const std::string& row)
{
  return error_of_text(samples_header() + kGoodRow + row);
}

TEST(SampleRow, ReadsBackEqual)
{
  EXPECT_EQ(stored_and_read(measured()), measured());
}

TEST(SampleRow, KernelFunctionReadsBack)
{
  Sample sample = measured();
  sample.site = "anon_vma_clone < anon_vma_fork";
  EXPECT_EQ(stored_and_read(sample), sample);
}

TEST(ParseSamples, FileFromBeforeTheSiteColumnIsRead)
{
  const auto samples = parse_samples(
      "s.csv",
      "run,boot,replica,workload,workload_version,arguments,repetition,metric,unit,value,status,"
      "reason,pass\nr,1,2,fork,1,vmas=64,0,vmas,VMAs,64,ok,,state\n");
  ASSERT_TRUE(samples) << to_string(samples.error());
  ASSERT_EQ(samples->size(), 1u);
  EXPECT_EQ(samples->front().pass, "state");
  EXPECT_EQ(samples->front().site, "");
}

TEST(SampleRow, QuotesAndCommasReadBackEqual)
{
  const Sample sample = skipped("needs \"root\", or CAP_SYS_ADMIN, \"\"");
  EXPECT_EQ(stored_and_read(sample), sample);
}

TEST(SampleRow, ValueKeepsAllSeventeenDigits)
{
  Sample sample = measured();
  sample.value = 0.30000000000000004;
  EXPECT_EQ(stored_and_read(sample).value, 0.30000000000000004);
}

TEST(SampleRow, SkipReadsBackWithReasonAndWithoutValue)
{
  const Sample read = stored_and_read(skipped("no /proc/slabinfo"));
  EXPECT_EQ(read.status, SampleStatus::skip);
  EXPECT_EQ(read.reason, "no /proc/slabinfo");
  EXPECT_EQ(read.value, std::nullopt);
}

TEST(SampleRow, BlanksAtTheEndsOfACellReadBack)
{
  EXPECT_EQ(stored_and_read(skipped(" a ")).reason, " a ");
}

TEST(SampleRow, NewlineInReasonBecomesABlank)
{
  EXPECT_EQ(stored_and_read(skipped("first\nsecond\r\nthird")).reason, "first second  third");
}

TEST(SampleRow, HasTheColumnsOfTheHeaderInOrder)
{
  EXPECT_EQ(sample_row(measured()),
            "20261120T170512Z,2,3,fork_exit,1,vmas=64;kind=dontfork,4,wall_time,ns/op,1234.5,ok,,"
            "bare,\n");
}

TEST(SampleStatusText, NamesAreThoseOfTheFile)
{
  EXPECT_EQ(to_string(SampleStatus::ok), "ok");
  EXPECT_EQ(to_string(SampleStatus::skip), "skip");
  EXPECT_EQ(to_string(SampleStatus::fail), "fail");
}

TEST(ParseSamples, ReadsEveryCell)
{
  const auto samples = parse_samples("s.csv", samples_header() + kGoodRow);
  ASSERT_TRUE(samples) << to_string(samples.error());
  const Sample expected = {.run = "r",
                           .boot = 1,
                           .replica = 2,
                           .workload = "fork",
                           .workload_version = 1,
                           .arguments = "vmas=64",
                           .repetition = 0,
                           .metric = "vmas",
                           .unit = "VMAs",
                           .value = 64.0,
                           .status = SampleStatus::ok,
                           .reason = "",
                           .pass = "state"};
  EXPECT_EQ(*samples, std::vector{expected});
}

TEST(ParseSamples, HeaderAloneIsNoSamples)
{
  const auto samples = parse_samples("s.csv", samples_header());
  ASSERT_TRUE(samples);
  EXPECT_TRUE(samples->empty());
}

TEST(ParseSamples, KeepsTheOrderOfTheRows)
{
  const auto samples = parse_samples(
      "s.csv", samples_header() + kGoodRow + "r,2,2,fork,1,,0,vmas,VMAs,65,ok,,state,\n");
  ASSERT_TRUE(samples);
  ASSERT_EQ(samples->size(), 2u);
  EXPECT_EQ(samples->at(0).boot, 1);
  EXPECT_EQ(samples->at(1).boot, 2);
}

TEST(ParseSamples, FindsColumnsByNameAndIgnoresUnknownOnes)
{
  const auto samples = parse_samples(
      "s.csv",
      "pass,new_one,run,boot,replica,workload,workload_version,arguments,repetition,metric,unit,"
      "value,status,reason\n"
      "bare,?,r,1,2,fork,1,,0,vmas,VMAs,64,ok,\n");
  ASSERT_TRUE(samples) << to_string(samples.error());
  EXPECT_EQ(samples->front().pass, "bare");
  EXPECT_EQ(samples->front().run, "r");
}

TEST(ParseSamples, EmptyTextIsRejected)
{
  EXPECT_EQ(error_of_text(""), "s.csv:1: file is empty, expected a header line");
}

TEST(ParseSamples, MissingColumnIsNamed)
{
  EXPECT_EQ(error_of_text("run,boot,replica,workload,workload_version,arguments,repetition,metric,"
                          "value,status,reason,pass\n"),
            "s.csv:1: header has no column \"unit\"");
}

TEST(ParseSamples, TextWithoutFinalNewlineIsCutOff)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,64,ok,,state,"),
            "s.csv:3: file is cut off: the last line has no newline");
}

TEST(ParseSamples, TooFewCellsAreRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,64,ok,\n"),
            "s.csv:3: expected 14 comma-separated cells as in the header");
}

TEST(ParseSamples, TooManyCellsAreRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,64,ok,,state,,more\n"),
            "s.csv:3: expected 14 comma-separated cells as in the header");
}

TEST(ParseSamples, QuoteThatDoesNotCloseIsRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,,skip,\"open,state,\n").rfind("s.csv:3: ", 0),
            0u);
}

TEST(ParseSamples, BootMustBeAWholeNumber)
{
  EXPECT_EQ(error_of_row("r,one,2,fork,1,,0,vmas,VMAs,64,ok,,state,\n"),
            "s.csv:3: boot is \"one\", expected a whole number");
}

TEST(ParseSamples, ReplicaMustBeAWholeNumber)
{
  EXPECT_EQ(error_of_row("r,1,-2,fork,1,,0,vmas,VMAs,64,ok,,state,\n"),
            "s.csv:3: replica is \"-2\", expected a whole number");
}

TEST(ParseSamples, WorkloadVersionMustBeAWholeNumber)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,,,0,vmas,VMAs,64,ok,,state,\n"),
            "s.csv:3: workload_version is \"\", expected a whole number");
}

TEST(ParseSamples, RepetitionMustBeAWholeNumber)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0.5,vmas,VMAs,64,ok,,state,\n"),
            "s.csv:3: repetition is \"0.5\", expected a whole number");
}

TEST(ParseSamples, NumberTooLargeForACountIsRejected)
{
  EXPECT_EQ(error_of_row("r,4294967297,2,fork,1,,0,vmas,VMAs,64,ok,,state,\n"),
            "s.csv:3: boot is \"4294967297\", expected a whole number");
}

TEST(ParseSamples, UnknownStatusIsRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,64,good,,state,\n"),
            "s.csv:3: status is \"good\", expected ok, skip or fail");
}

TEST(ParseSamples, UnknownMetricIsRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmaz,VMAs,64,ok,,state,\n"),
            "s.csv:3: metric is \"vmaz\", expected a name of `rmaplab list --metrics`");
}

TEST(ParseSamples, ValueMustBeANumber)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,64x,ok,,state,\n"),
            "s.csv:3: value is \"64x\", expected a number where status is ok");
}

TEST(ParseSamples, OkWithoutValueIsRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,,ok,,state,\n"),
            "s.csv:3: value is \"\", expected a number where status is ok");
}

TEST(ParseSamples, SkipWithValueIsRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,64,skip,why,state,\n"),
            "s.csv:3: value is \"64\", expected nothing where status is skip");
}

TEST(ParseSamples, FailWithValueIsRejected)
{
  EXPECT_EQ(error_of_row("r,1,2,fork,1,,0,vmas,VMAs,0,fail,why,state,\n"),
            "s.csv:3: value is \"0\", expected nothing where status is fail");
}

// samples.csv of so many rows, in a file.
class StoredRows : public testing::Test
{
 protected:
  void SetUp() override { ASSERT_TRUE(temp_) << to_string(temp_.error()); }
  std::filesystem::path write(int rows, const std::string& after = "") const
  {
    std::string csv = samples_header();
    for (int i = 0; i < rows; ++i)
      csv += fmt::format(
          "a_run_of_a_long_name,1,1,fork_chain_exit,1,vmas={};kind=dontfork,{},instructions_mean,"
          "instructions/op,{},ok,scaled by the time that it "
          "counted,bare,a_function_of_the_kernel_{}"
          "\n",
          i % 50, i / 50, i, i % 7);
    EXPECT_TRUE(write_file(file(), csv + after));
    return file();
  }
  std::filesystem::path file() const { return temp_->path() / "samples.csv"; }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(StoredRows, ReadFromAFileAreThoseOfItsText)
{
  const auto stored = read_samples(write(1000), 1000);
  ASSERT_TRUE(stored) << to_string(stored.error());
  const auto text = read_file(file());
  const auto parsed = parse_samples("s.csv", *text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(stored->samples, *parsed);
  boost::crc_32_type crc;
  crc.process_bytes(text->data(), text->size());
  EXPECT_EQ(stored->crc32, fmt::format("{:08x}", crc.checksum()));
}

TEST_F(StoredRows, AFileThatIsCutOffIsRejectedAtItsLastLine)
{
  const auto cut = read_samples(write(3, "a_run"), 3);
  ASSERT_FALSE(cut);
  EXPECT_EQ(to_string(cut.error()),
            file().string() + ":5: file is cut off: the last line has no newline");
  ASSERT_TRUE(write_file(file(), ""));
  EXPECT_FALSE(read_samples(file(), 0));
}

TEST_F(StoredRows, ARowThatIsThereTwiceIsRejectedWithBothLines)
{
  std::string again = sample_row(measured());
  const auto twice = read_samples(write(5, again + again), 0);
  ASSERT_FALSE(twice);
  EXPECT_NE(to_string(twice.error()).find(":8: this value was there already, in line 7: "),
            std::string::npos)
      << to_string(twice.error());
}

// A row's texts are held once for all rows: three million rows a side are some 200 MB.
TEST_F(StoredRows, ARowTakesFewBytesHoweverLongItsTexts)
{
  constexpr int kRows = 20'000;
  write(kRows);
  ASSERT_TRUE(read_samples(file(), kRows));  // what there is once is there now
  const auto held = [] {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
  };
  const std::size_t before = held();
  const auto stored = read_samples(file(), kRows);
  ASSERT_TRUE(stored);
  const std::size_t after = held();
  if (after == before)
    GTEST_SKIP() << "another malloc, as a sanitizer's: it does not say what it holds";
  EXPECT_LE((after - before) / stored->samples.size(), 80u);
  EXPECT_GE((after - before) / stored->samples.size(), sizeof(double));
}

}  // namespace
}  // namespace rmaplab
