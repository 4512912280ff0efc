// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_io.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <set>

#include "base/files.h"
#include "tests/replay/trace_text.h"

namespace rmaplab
{
namespace
{

std::string error_of(const std::string& text, bool compressed = false)
{
  auto reader = TraceReader::of_text("t.csv", text, compressed);
  if (!reader) {
    EXPECT_EQ(reader.error().code, Errc::parse);
    return to_string(reader.error());
  }
  TraceRow row;
  for (;;) {
    const auto more = reader->next(row);
    if (!more) {
      EXPECT_EQ(more.error().code, Errc::parse);
      return to_string(more.error());
    }
    if (!*more)
      return "no error";
  }
}

// Of the first row.
std::string row_error(const std::string& row)
{
  return error_of(trace_of(row + "\n"));
}

std::string text_of(const Trace& trace)
{
  std::string text = trace_header_text(trace.header);
  for (const TraceRow& row : trace.rows)
    append_row(text, row);
  return text;
}

TempDir folder()
{
  auto made = TempDir::create("rmaplab-trace");
  EXPECT_TRUE(made);
  return *std::move(made);
}

// What zstd makes of a text, through the writer.
std::string packed_small()
{
  const TempDir dir = folder();
  const auto path = dir.path() / "t.csv.zst";
  EXPECT_TRUE(write_trace(path, *parse_trace("t", trace_of(kSmallRows))));
  return *read_file(path);
}

TEST(TraceIo, ARowIsReadAsItsColumnsSay)
{
  const auto trace = parse_trace(
      "t.csv", trace_of("7,3,4,mremap,0x7fff00001000,4096,0x2000,8192,0x3,,,,0x2000,12\n"));
  ASSERT_TRUE(trace) << to_string(trace.error());
  ASSERT_EQ(trace->rows.size(), 1u);
  EXPECT_EQ(trace->rows[0], (TraceRow{.time_ns = 7,
                                      .process = 3,
                                      .thread = 4,
                                      .event = TraceEvent::mremap,
                                      .address = 0x7fff00001000,
                                      .length = 4096,
                                      .new_address = 0x2000,
                                      .new_length = 8192,
                                      .flags = 3,
                                      .result = 0x2000,
                                      .vmas = 12}));
  EXPECT_EQ(trace->first_line, std::uint64_t{kFirstRow});
}

TEST(TraceIo, HeaderIsReadWholly)
{
  std::string text = trace_of("");
  text.insert(text.find("time_ns"), "# file 3: /usr/lib/libc.so.6\n");
  const auto trace = parse_trace("t.csv", text);
  ASSERT_TRUE(trace) << to_string(trace.error());
  EXPECT_EQ(trace->header, (TraceHeader{.kernel = "6.18.44",
                                        .machine = "x86_64",
                                        .command = "true",
                                        .page_size = 4096,
                                        .lost = 0,
                                        .complete = true,
                                        .files = {{3, "/usr/lib/libc.so.6"}}}));
}

TEST(TraceIo, WhatIsReadIsWrittenAlike)
{
  const std::string text = trace_of(kSmallRows);
  const auto trace = parse_trace("t.csv", text);
  ASSERT_TRUE(trace) << to_string(trace.error());
  EXPECT_EQ(text_of(*trace), text);
}

TEST(TraceIo, EveryEventComesBack)
{
  Trace trace{.header = {.page_size = 4096}};
  for (std::size_t i = 0; i < kTraceEvents; ++i) {
    const auto event = static_cast<TraceEvent>(i);
    const unsigned columns = shape_of(event).columns;
    auto some = [&](TraceColumn column) { return columns & bit(column) ? 0x1000u + i : 0u; };
    trace.rows.push_back({.time_ns = i,
                          .process = 1,
                          .thread = 2,
                          .event = event,
                          .address = some(TraceColumn::address),
                          .length = some(TraceColumn::length),
                          .new_address = some(TraceColumn::new_address),
                          .new_length = some(TraceColumn::new_length),
                          .flags = some(TraceColumn::flags),
                          .prot = static_cast<std::uint32_t>(some(TraceColumn::prot)),
                          .file = static_cast<std::uint32_t>(some(TraceColumn::file)),
                          .offset = some(TraceColumn::offset),
                          .result = -static_cast<std::int64_t>(some(TraceColumn::result)),
                          .vmas = static_cast<std::int32_t>(i)});
  }
  const auto again = parse_trace("t.csv", text_of(trace));
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(again->rows, trace.rows);
}

TEST(TraceIo, EveryEventHasItsOwnName)
{
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kTraceEvents; ++i)
    names.insert(to_string(static_cast<TraceEvent>(i)));
  EXPECT_EQ(names.size(), kTraceEvents);
  EXPECT_EQ(to_string(TraceEvent::alloc_anon_vma_chain), "alloc_anon_vma_chain");
}

TEST(TraceIo, FilesComeBackPlainAndCompressed)
{
  const TempDir dir = folder();
  const auto trace = parse_trace("t.csv", trace_of(kSmallRows));
  ASSERT_TRUE(trace);
  for (const char* name : {"t.csv", "t.csv.zst"}) {
    const auto written = write_trace(dir.path() / name, *trace);
    ASSERT_TRUE(written) << to_string(written.error());
    const auto again = read_trace(dir.path() / name);
    ASSERT_TRUE(again) << to_string(again.error());
    EXPECT_EQ(again->rows, trace->rows);
    EXPECT_EQ(again->header, trace->header);
    for (const auto& entry : std::filesystem::directory_iterator(dir.path()))
      EXPECT_NE(entry.path().extension(), ".tmp");
  }
  // A link stays one, as a device does: it is written into.
  std::filesystem::create_symlink(dir.path() / "target", dir.path() / "link");
  ASSERT_TRUE(write_file(dir.path() / "target", ""));
  ASSERT_TRUE(write_trace(dir.path() / "link", *trace));
  EXPECT_TRUE(std::filesystem::is_symlink(dir.path() / "link"));
  EXPECT_EQ(read_trace(dir.path() / "target")->rows, trace->rows);
  EXPECT_NE(read_file(dir.path() / "t.csv")->substr(0, 9),
            read_file(dir.path() / "t.csv.zst")->substr(0, 9));
}

TEST(TraceIo, RowsComeOneByOneWithTheirLines)
{
  const TempDir dir = folder();
  const auto path = dir.path() / "t.csv";
  ASSERT_TRUE(write_file(path, trace_of(kSmallRows)));
  std::vector<std::uint64_t> lines;
  auto reader = TraceReader::open(path);
  ASSERT_TRUE(reader);
  const auto read = each_row(*reader, [&](const TraceRow&, std::uint64_t line) {
    lines.push_back(line);
    return lines.size() == 3 ? Result<>(Error{.code = Errc::usage, .context = "enough"}) : ok();
  });
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().context, "enough");
  EXPECT_EQ(lines, (std::vector<std::uint64_t>{10, 11, 12}));
}

TEST(TraceIo, AFailingWriteLeavesNothing)
{
  // A limit of this process's file size is a disk that gets full.
  const TempDir dir = folder();
  const auto trace = parse_trace("t.csv", trace_of(kSmallRows));
  ASSERT_TRUE(trace);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  struct rlimit old_limit = {};
  ::getrlimit(RLIMIT_FSIZE, &old_limit);
  const struct rlimit limit = {.rlim_cur = 100, .rlim_max = old_limit.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &limit);
  const auto written = write_trace(dir.path() / "t.csv", *trace);
  ::setrlimit(RLIMIT_FSIZE, &old_limit);
  std::signal(SIGXFSZ, old_handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(to_string(written.error()),
            "write " + (dir.path() / "t.csv").string() + ": File too large");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(TraceIo, NoFileIsSaidSo)
{
  const auto trace = read_trace("/nowhere/t.csv");
  ASSERT_FALSE(trace);
  EXPECT_EQ(to_string(trace.error()), "open /nowhere/t.csv: No such file or directory");
}

// ---- what is refused ----

TEST(TraceIo, VersionLineComesFirst)
{
  EXPECT_EQ(error_of(""), "t.csv:1: file is empty, expected \"# rmaplab trace: 2\"");
  EXPECT_EQ(error_of("# kernel: 6.1\n"),
            "t.csv:1: line is \"# kernel: 6.1\", expected \"# rmaplab trace: 2\": a trace is what "
            "`rmaplab record` writes, another tool's log lacks the faults");
  EXPECT_EQ(error_of("# rmaplab trace: 3\n"),
            "t.csv:1: trace is of version \"3\", expected 1 or 2: another rmaplab wrote it");
}

TEST(TraceIo, HeaderIsComplete)
{
  std::string text = kTraceHead;
  text.erase(text.find("# lost"), 10);
  EXPECT_EQ(error_of(text), "t.csv:8: header has no line \"# lost: ...\"");
  text = kTraceHead;
  text.erase(text.find("time_ns"));
  EXPECT_EQ(error_of(text), "t.csv:8: file ends in its header, expected the column line");
}

TEST(TraceIo, HeaderValuesAreChecked)
{
  auto with = [](const std::string& old, const std::string& line) {
    std::string text = kTraceHead;
    return error_of(text.replace(text.find(old), old.size(), line));
  };
  EXPECT_EQ(with("page_size: 4096", "page_size: 5000"),
            "t.csv:4: page_size is \"5000\", expected a power of two from 4096 to 65536");
  EXPECT_EQ(with("lost: 0", "lost: none"),
            "t.csv:7: lost is \"none\", expected a decimal number below 2^64");
  EXPECT_EQ(with("complete: yes", "complete: maybe"),
            "t.csv:8: complete is \"maybe\", expected yes or no");
  EXPECT_EQ(with("monotonic", "boottime"), "t.csv:5: clock is \"boottime\", expected monotonic");
  EXPECT_EQ(with("# lost: 0", "# machine: twice"), "t.csv:7: header machine is there twice");
  EXPECT_EQ(with("# lost: 0", "# losses: 0"),
            "t.csv:7: header is \"losses\", expected one of kernel, machine, page_size, clock, "
            "command, lost, complete or file N");
  EXPECT_EQ(with("# lost: 0", "# file 0: x"),
            "t.csv:7: header is \"file 0\", expected the number of another file");
  EXPECT_EQ(with("command: true", "command: \x1b[2J"),
            "t.csv:6: header \"command\" is \"?[2J\", expected at most 4096 printable bytes");
}

TEST(TraceIo, WhatWasNotRecordedAndSettingsComeBack)
{
  TraceHeader header = {.kernel = "6.18.44",
                        .machine = "x86_64",
                        .command = "true",
                        .page_size = 4096,
                        .complete = false,
                        .settings = {{"rlimit_as", "unlimited"}, {"thp", "madvise"}},
                        .seen = {{"mbind", 3}, {"mseal", 1}},
                        .ended = "at 20 rows"};
  const std::string text = trace_header_text(header);
  EXPECT_EQ(text.substr(0, text.find('\n')), "# rmaplab trace: 2");
  const auto back = parse_trace("t.csv", text);
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(back->header, header);
  header = {.page_size = 4096};
  EXPECT_EQ(trace_header_text(header).substr(0, 18), "# rmaplab trace: 1");
}

TEST(TraceIo, NamesInTheHeaderAreWordsAndDifferent)
{
  auto with = [](const std::string& line) {
    std::string text = kTraceHead;
    return error_of(text.insert(text.find("time_ns"), line));
  };
  EXPECT_EQ(with("# seen mbind: many\n"),
            "t.csv:9: \"seen mbind\" is \"many\", expected a decimal number below 2^64");
  EXPECT_EQ(with("# seen m bind: 1\n"),
            "t.csv:9: header is \"seen m bind\", expected the name of something else seen");
  EXPECT_EQ(with("# setting thp: always\n# setting thp: never\n"),
            "t.csv:10: header is \"setting thp\", expected the name of another setting");
  EXPECT_EQ(with("# ended: a\n# ended: b\n"), "t.csv:10: header ended is there twice");
}

TEST(TraceIo, ColumnsAreExactlyTheSchemas)
{
  std::string text = kTraceHead;
  text.replace(text.find(",vmas"), 5, ",vmas,more");
  EXPECT_NE(error_of(text).find("t.csv:9: line is \"time_ns,process"), std::string::npos);
}

TEST(TraceIo, EventsAreKnown)
{
  EXPECT_EQ(row_error("0,1,1,reboot,,,,,,,,,,"),
            "t.csv:10: event is \"reboot\", expected one of the events of replay/schema.md");
  EXPECT_EQ(row_error("0,1,1,,,,,,,,,,,"),
            "t.csv:10: event is \"\", expected one of the events of replay/schema.md");
}

TEST(TraceIo, NumbersAreInTheirRange)
{
  EXPECT_EQ(row_error("0,0,1,exec,,,,,,,,,,"),
            "t.csv:10: process is \"0\", expected a number from 1 to 4294967295");
  EXPECT_EQ(row_error("0,1,4294967296,exec,,,,,,,,,,"),
            "t.csv:10: thread is \"4294967296\", expected a number from 1 to 4294967295");
  EXPECT_EQ(row_error("18446744073709551616,1,1,exec,,,,,,,,,,"),
            "t.csv:10: time_ns is \"18446744073709551616\", expected a decimal number below 2^64");
  EXPECT_EQ(row_error("18446744073709551615,1,1,exec,,,,,,,,,,"), "no error");
  EXPECT_EQ(row_error("99999999999999999999,1,1,exec,,,,,,,,,,"),
            "t.csv:10: time_ns is \"99999999999999999999\", expected a decimal number below 2^64");
  EXPECT_EQ(row_error("0,1,1,read,0x10000000000000000,,,,,,,,,"),
            "t.csv:10: address is \"0x10000000000000000\", expected a hexadecimal number 0x... "
            "below 2^64");
  EXPECT_EQ(row_error("0,1,1,read,4096,,,,,,,,,"),
            "t.csv:10: address is \"4096\", expected a hexadecimal number 0x... below 2^64");
  EXPECT_EQ(row_error("0,1,1,read,0x,,,,,,,,,"),
            "t.csv:10: address is \"0x\", expected a hexadecimal number 0x... below 2^64");
  EXPECT_EQ(row_error("0,1,1,munmap,0x1000,-1,,,,,,,0,"),
            "t.csv:10: length is \"-1\", expected a decimal number below 2^64");
  EXPECT_EQ(row_error("0,1,1,munmap,0x1000,4096,,,,,,,9223372036854775808,"),
            "t.csv:10: result is \"9223372036854775808\", expected a decimal number between -2^63 "
            "and 2^63");
  EXPECT_EQ(row_error("0,1,1,mmap,0x0,4096,,,0x22,0x3,,,4096,"),
            "t.csv:10: result is \"4096\", expected an address 0x... or a negative errno");
  EXPECT_EQ(row_error("0,1,1,exec,,,,,,,,,,2147483648"),
            "t.csv:10: vmas is \"2147483648\", expected a number below 2^31, or nothing");
  EXPECT_EQ(row_error("0,1,1,mprotect,0x0,0,,,,0x100000000,,,0,"),
            "t.csv:10: prot is \"0x100000000\", expected a hexadecimal number 0x... below 2^32");
}

TEST(TraceIo, AnEventHasItsColumnsAndNoOthers)
{
  EXPECT_EQ(row_error("0,1,1,exit,0x1000,,,,,,,,,"),
            "t.csv:10: address is \"0x1000\", expected nothing: exit has none");
  EXPECT_EQ(row_error("0,1,1,munmap,0x1000,,,,,,,,0,"),
            "t.csv:10: length is \"\", expected a decimal number below 2^64");
}

TEST(TraceIo, CellsAreCounted)
{
  const std::string expected = "t.csv:10: expected 14 comma-separated cells as in the header";
  EXPECT_EQ(row_error("0,1,1,exec"), expected);
  EXPECT_EQ(row_error("0,1,1,exec,,,,,,,,,,,"), expected);
  EXPECT_EQ(row_error(""), expected);
}

TEST(TraceIo, ACutOffFileIsSaidSo)
{
  const std::string whole = trace_of("0,1,1,exec,,,,,,,,,,\n0,1,1,exit,,,,,,,,,,\n");
  EXPECT_EQ(error_of(whole), "no error");
  for (std::size_t cut = 1; cut < 21; ++cut)
    EXPECT_EQ(error_of(whole.substr(0, whole.size() - cut)),
              "t.csv:11: file is cut off: the last line has no newline")
        << cut;
}

TEST(TraceIo, NulBytesAreRefusedWhereTheyAre)
{
  std::string text = trace_of(kSmallRows);
  text[text.find("mprotect")] = '\0';
  EXPECT_EQ(error_of(text), "t.csv:20: expected text, found a NUL byte");
  EXPECT_EQ(error_of(std::string(100, '\0')), "t.csv:1: expected text, found a NUL byte");
}

TEST(TraceIo, LongLinesAreRefused)
{
  const std::string expected = "t.csv:10: expected 14 comma-separated cells as in the header";
  EXPECT_EQ(row_error(std::string(1 << 20, ',')), expected);
  EXPECT_EQ(row_error(std::string(1 << 20, 'x')), expected);
  EXPECT_EQ(row_error(std::string(17 << 20, '1')), "t.csv:10: line is longer than 16 MiB");
  EXPECT_EQ(row_error("0,1,1,exec,,,,,,,,,," + std::string(1 << 20, '1')),
            "t.csv:10: vmas is \"" + std::string(40, '1') +
                "\"..., expected a number below 2^31, or nothing");
  EXPECT_EQ(error_of("# rmaplab trace: 1\n# kernel: " + std::string(1 << 20, 'k') + "\n"),
            "t.csv:2: header \"kernel\" is \"" + std::string(40, 'k') +
                "\"..., expected at most 4096 printable bytes");
}

TEST(TraceIo, CompressedTextIsReadAndItsDamageSeen)
{
  const std::string packed = packed_small();
  EXPECT_EQ(error_of(packed, true), "no error");
  for (std::size_t cut = 1; cut < packed.size(); ++cut)
    EXPECT_NE(
        error_of(packed.substr(0, packed.size() - cut), true).find("zstd data ends in the middle"),
        std::string::npos)
        << cut;
  std::string damaged = packed;
  damaged[damaged.size() - 1] ^= 1;  // the checksum
  EXPECT_NE(error_of(damaged, true).find("expected zstd data"), std::string::npos);
  EXPECT_EQ(error_of(trace_of(kSmallRows), true),
            "t.csv:1: expected zstd data: Unknown frame descriptor");
}

TEST(TraceIo, SeveralFramesAreOneText)
{
  const std::string packed = packed_small();
  // The second frame's first line is no row.
  EXPECT_EQ(error_of(packed + packed, true).substr(0, 9), "t.csv:36:");
}

TEST(TraceIo, MemoryStaysBoundedOverBlocksOfTheParser)
{
  // More than the 32 MiB that the parser has at a time, so that lines cross its blocks.
  const std::string row = "1000000,1,1,mmap,0x0,40960,,,0x22,0x3,,,0x7f0000000000,5\n";
  std::string text = kTraceHead;
  constexpr std::size_t kRows = 700'000;
  for (std::size_t i = 0; i < kRows; ++i)
    text += row;
  auto reader = TraceReader::of_text("t.csv", text);
  ASSERT_TRUE(reader);
  TraceRow read;
  std::size_t rows = 0;
  for (;; ++rows) {
    const auto more = reader->next(read);
    ASSERT_TRUE(more) << to_string(more.error());
    if (!*more)
      break;
    ASSERT_EQ(read.result, 0x7f0000000000);
  }
  EXPECT_EQ(rows, kRows);
  EXPECT_EQ(reader->line(), kRows + kFirstRow - 1);
}

}  // namespace
}  // namespace rmaplab
