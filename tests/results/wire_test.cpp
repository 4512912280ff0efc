// SPDX-License-Identifier: GPL-2.0-only
#include "results/wire.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace rmaplab
{
namespace
{

const std::vector<Record> kRecords = {
    {.kind = "hello", .payload = "1"},
    {.kind = "out", .payload = std::string("line\n@rmaplab 0 x\n\0\xff", 20)},
    {.kind = "sample", .payload = ""},
    {.kind = "end", .payload = "0"}};

std::vector<std::string> texts_of(const std::vector<Record>& records)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return {};
  const UniqueFd read_end(ends[0]);
  const UniqueFd write_end(ends[1]);
  RecordWriter writer(write_end.get());
  std::vector<std::string> texts;
  for (const Record& record : records) {
    EXPECT_TRUE(writer.write(record.kind, record.payload));
    char buffer[4096];
    const ssize_t got = ::read(read_end.get(), buffer, sizeof buffer);
    texts.emplace_back(buffer, got > 0 ? static_cast<std::size_t>(got) : 0);
  }
  return texts;
}

std::string error_of(std::string_view bytes)
{
  RecordReader reader;
  std::vector<Record> records;
  const auto fed = reader.feed(bytes, records);
  if (fed)
    return "no error";
  EXPECT_EQ(fed.error().code, Errc::parse);
  return to_string(fed.error());
}

TEST(RecordWriter, WritesTheDocumentedForm)
{
  EXPECT_EQ(texts_of({{.kind = "out", .payload = "123456789"}}).at(0),
            "@rmaplab 0 out 9 cbf43926\n123456789\n");
}

TEST(RecordWriter, ClosedPipeIsAnError)
{
  const UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto done = RecordWriter(fd.get()).write("out", "x");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().sys_errno, EBADF);
}

TEST(RecordReader, ReadsWhatWasWrittenByteForByte)
{
  RecordReader reader;
  std::vector<Record> read;
  for (const std::string& text : texts_of(kRecords)) {
    for (const char& byte : text) {
      const auto fed = reader.feed({&byte, 1}, read);
      ASSERT_TRUE(fed) << to_string(fed.error());
    }
  }
  ASSERT_EQ(read.size(), kRecords.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    EXPECT_EQ(read[i].kind, kRecords[i].kind);
    EXPECT_EQ(read[i].payload, kRecords[i].payload);
  }
}

TEST(RecordReader, ReadsSeveralRecordsOfOnePortion)
{
  std::string all;
  for (const std::string& text : texts_of(kRecords))
    all += text;
  RecordReader reader;
  std::vector<Record> records;
  ASSERT_TRUE(reader.feed(all, records));
  EXPECT_EQ(records.size(), 4u);
  EXPECT_EQ(reader.records(), 4u);
}

TEST(RecordReader, UnfinishedRecordIsNotGivenOut)
{
  RecordReader reader;
  std::vector<Record> records;
  ASSERT_TRUE(reader.feed("@rmaplab 0 out 9 cbf43926\n123456789", records));
  EXPECT_TRUE(records.empty());
}

TEST(RecordReader, HasEndedOnlyAfterTheEndRecord)
{
  const auto texts = texts_of({{.kind = "out", .payload = "end"}, {.kind = "end", .payload = "0"}});
  RecordReader reader;
  std::vector<Record> records;
  ASSERT_TRUE(reader.feed(texts[0], records));
  EXPECT_FALSE(reader.ended());
  ASSERT_TRUE(reader.feed(texts[1].substr(0, texts[1].size() - 1), records));
  EXPECT_FALSE(reader.ended());
  ASSERT_TRUE(reader.feed("\n", records));
  EXPECT_TRUE(reader.ended());
}

TEST(RecordReader, LostRecordIsNoticed)
{
  const auto texts = texts_of(kRecords);
  EXPECT_EQ(error_of(texts[0] + texts[2]), "results record 1: has number 2: records were lost");
}

TEST(RecordReader, RepeatedRecordIsNoticed)
{
  const auto texts = texts_of(kRecords);
  EXPECT_EQ(error_of(texts[0] + texts[0]), "results record 1: has number 0: records were lost");
}

TEST(RecordReader, FlippedPayloadByteIsNoticed)
{
  EXPECT_EQ(error_of("@rmaplab 0 out 9 cbf43926\n123456780\n"),
            "results record 0: checksum differs: the channel garbled it");
}

TEST(RecordReader, PayloadLongerThanSaidIsNoticed)
{
  EXPECT_EQ(error_of("@rmaplab 0 out 9 cbf43926\n1234567890\n"),
            "results record 0: checksum differs: the channel garbled it");
}

TEST(RecordReader, LineThatIsNoHeadIsNoticed)
{
  EXPECT_EQ(error_of("Kernel panic - not syncing\n"),
            "results record 0: head line is not \"@rmaplab SEQUENCE KIND BYTES CRC32\"");
}

TEST(RecordReader, HeadWithABadNumberIsNoticed)
{
  EXPECT_EQ(error_of("@rmaplab 0 out -9 cbf43926\n"),
            "results record 0: head line has a number that is none");
}

TEST(RecordReader, AbsurdLengthIsNoticedAtOnce)
{
  EXPECT_EQ(error_of("@rmaplab 0 out 99999999999 cbf43926\n"),
            "results record 0: head line has a number that is none");
}

TEST(RecordReader, EndlessLineIsNoticed)
{
  EXPECT_EQ(error_of(std::string(200, 'x')), "results record 0: no head line");
}

TEST(RecordReader, ViolationStays)
{
  RecordReader reader;
  std::vector<Record> records;
  const auto first = reader.feed("junk\n", records);
  ASSERT_FALSE(first);
  const auto second = reader.feed("@rmaplab 0 out 9 cbf43926\n123456789\n", records);
  ASSERT_FALSE(second);
  EXPECT_EQ(to_string(second.error()), to_string(first.error()));
  EXPECT_TRUE(records.empty());
}

TEST(RecordReader, ReadSomeSaysWhenTheOtherEndIsClosed)
{
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  ASSERT_TRUE(RecordWriter(write_end.get()).write("out", "x"));
  RecordReader reader;
  std::vector<Record> records;
  EXPECT_TRUE(*reader.read_some(read_end.get(), 0, records));
  EXPECT_EQ(records.size(), 1u);
  EXPECT_TRUE(*reader.read_some(read_end.get(), 0, records));
  write_end.reset();
  EXPECT_FALSE(*reader.read_some(read_end.get(), 0, records));
}

TEST(RecordReader, RecordsBeforeAViolationAreKept)
{
  RecordReader reader;
  std::vector<Record> records;
  EXPECT_FALSE(reader.feed("@rmaplab 0 out 9 cbf43926\n123456789\njunk\n", records));
  EXPECT_EQ(records.size(), 1u);
}

TEST(Crc32, HasTheCheckValueOfIeee8023)
{
  EXPECT_EQ(crc32("123456789"), 0xcbf43926u);
}

}  // namespace
}  // namespace rmaplab
