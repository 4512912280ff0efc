// SPDX-License-Identifier: GPL-2.0-only
#include "replay/validate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "replay/trace_info.h"
#include "replay/trace_io.h"
#include "tests/replay/trace_text.h"

namespace rmaplab
{
namespace
{

Result<TraceNeeds> needs_of(const std::string& rows)
{
  const auto trace = parse_trace("t.csv", trace_of(rows));
  if (!trace)
    return trace.error();
  return validate_trace("t.csv", *trace);
}

std::string error_of(const std::string& rows)
{
  const auto needs = needs_of(rows);
  if (needs)
    return "no error";
  EXPECT_EQ(needs.error().code, Errc::parse);
  return to_string(needs.error());
}

const std::string kExec = "0,1,1,exec,,,,,,,,,,\n";

// Of a row that follows the first exec, on line 11.
std::string row_error(const std::string& row)
{
  return error_of(kExec + row + "\n");
}

TEST(Validate, ASmallProgramNeedsLittle)
{
  const auto needs = needs_of(kSmallRows);
  ASSERT_TRUE(needs) << to_string(needs.error());
  EXPECT_EQ(needs->processes, 2u);
  EXPECT_EQ(needs->threads, 3u);
  EXPECT_EQ(needs->peak_processes, 2u);
  EXPECT_EQ(needs->peak_threads, 3u);
  // Heap, two of the mapping, the child's copy of one of them.
  EXPECT_EQ(needs->peak_private_pages, 4u);
  EXPECT_EQ(needs->file_pages, 1u);
  EXPECT_EQ(needs->dropped_touches, 0u);
  EXPECT_EQ(needs->peak_vmas, 10);
  EXPECT_EQ(needs->rows_by_event[static_cast<std::size_t>(TraceEvent::munmap)], 2u);
  EXPECT_EQ(needs->address_blocks,
            (std::vector<AddressBlock>{{.begin = 0x400000, .end = 0x800000},
                                       {.begin = 0x7f0000000000, .end = 0x7f0000200000},
                                       {.begin = 0x7ffff0000000, .end = 0x7ffff0200000}}));
}

TEST(Validate, FilesAndTracesInMemoryAreValidatedAlike)
{
  auto dir = TempDir::create("rmaplab-validate");
  ASSERT_TRUE(dir);
  const auto path = dir->path() / "t.csv";
  ASSERT_TRUE(write_file(path, trace_of(kSmallRows)));
  const auto needs = validate_trace_file(path);
  ASSERT_TRUE(needs) << to_string(needs.error());
  EXPECT_EQ(needs->peak_pages(), needs_of(kSmallRows)->peak_pages());
  ASSERT_TRUE(write_file(path, trace_of(kExec + "1,2,2,exit,,,,,,,,,,\n")));
  const auto refused = validate_trace_file(path);
  ASSERT_FALSE(refused);
  EXPECT_EQ(to_string(refused.error()),
            path.string() + ":11: process 2 acts, expected one of the 1 that were born before");
}

// ---- who acts ----

TEST(Validate, ATraceBeginsWithItsFirstProcess)
{
  EXPECT_EQ(error_of(""), "t.csv: trace has no rows, expected start or exec first");
  EXPECT_EQ(error_of("0,1,1,exit,,,,,,,,,,\n"),
            "t.csv:10: first row is exit of process 1, thread 1; expected start or exec of process "
            "1, thread 1");
  EXPECT_EQ(row_error("0,1,1,start,,,,,,,,,,"),
            "t.csv:11: start is there again, expected it before all that a process does");
}

TEST(Validate, AnAttachedTreeHasAStartForEachProcess)
{
  const std::string tree =
      "0,1,1,start,,,,,,,,,,\n0,1,1,vma,0x10000,4096,,,0x22,0x3,,,,\n0,1,1,thread,,,,,,,,,2,\n"
      "0,2,3,start,,,,,,,,,,\n0,2,3,vma,0x10000,4096,,,0x22,0x3,,,,\n0,2,3,write,0x10000,,,,,,,,,"
      "\n";
  const auto needs = needs_of(tree + "5,2,3,munmap,0x10000,4096,,,,,,,0,\n");
  ASSERT_TRUE(needs) << to_string(needs.error());
  EXPECT_EQ(needs->peak_processes, 2u);
  EXPECT_EQ(needs->peak_threads, 3u);
  EXPECT_EQ(error_of(tree + "0,4,4,start,,,,,,,,,,\n"),
            "t.csv:16: process 4 starts, expected 3: numbers are in order of birth");
  EXPECT_EQ(error_of(tree + "5,2,3,munmap,0x10000,4096,,,,,,,0,\n6,3,4,start,,,,,,,,,,\n"),
            "t.csv:17: start is there again, expected it before all that a process does");
}

TEST(Validate, AChildDoesNotActBeforeItsFork)
{
  EXPECT_EQ(error_of(kExec + "1,2,2,exit,,,,,,,,,,\n0,1,1,fork,,2,,,0x0,,,,2,\n"),
            "t.csv:11: process 2 acts, expected one of the 1 that were born before");
  EXPECT_EQ(row_error("1,1,2,brk,0x0,,,,,,,,0x1000,"),
            "t.csv:11: thread 2 acts, expected one of the 1 that were born before");
}

TEST(Validate, NobodyActsAfterTheEnd)
{
  const std::string child = kExec + "1,1,1,fork,,2,,,0x0,,,,2,\n";
  EXPECT_EQ(error_of(child + "2,2,2,exit,,,,,,,,,,\n3,2,2,exit,,,,,,,,,,\n"),
            "t.csv:13: process 2 acts after its exit");
  EXPECT_EQ(error_of(kExec + "1,1,1,thread,,,,,,,,,2,\n2,1,2,exit_thread,,,,,,,,,,\n"
                             "3,1,2,exit_thread,,,,,,,,,,\n"),
            "t.csv:13: thread 2 acts after its end");
  EXPECT_EQ(error_of(child + "2,1,2,exit,,,,,,,,,,\n"),
            "t.csv:12: thread 2 is of process 1, expected 2");
  EXPECT_EQ(row_error("1,1,1,exit_thread,,,,,,,,,,"),
            "t.csv:11: thread 1 is the last of process 1, expected exit");
}

TEST(Validate, NumbersAreInOrderOfBirth)
{
  EXPECT_EQ(row_error("1,1,1,fork,,2,,,0x0,,,,1,"),
            "t.csv:11: new process is 1, expected 2: numbers are in order of birth");
  EXPECT_EQ(row_error("1,1,1,fork,,1,,,0x0,,,,2,"),
            "t.csv:11: new thread is 1, expected 2: numbers are in order of birth");
  EXPECT_EQ(row_error("1,1,1,fork,,4294967298,,,0x0,,,,2,"),
            "t.csv:11: new thread is 4294967298, expected 2: numbers are in order of birth");
  EXPECT_EQ(row_error("1,1,1,thread,,,,,,,,,4294967298,"),
            "t.csv:11: new thread is 4294967298, expected 2: numbers are in order of birth");
  EXPECT_EQ(row_error("1,1,1,fork,,0,,,0x0,,,,-11,"), "no error");
  EXPECT_EQ(row_error("1,1,1,fork,,2,,,0x2,,,,2,"),
            "t.csv:11: flags of a fork are 0x2, expected 0x0 or 0x1");
}

TEST(Validate, AForkBombIsRefused)
{
  std::string rows = kExec;
  for (int child = 2; child <= 100'000; ++child)
    rows += fmt::format("1,{0},{0},fork,,{1},,,0x0,,,,{1},\n", child - 1, child);
  EXPECT_EQ(error_of(rows), "t.csv:4106: more than 4096 processes are alive");
}

TEST(Validate, ManyProcessesOneAfterTheOtherAreFine)
{
  std::string rows = kExec;
  for (int child = 2; child <= 20'000; ++child)
    rows += fmt::format(
        "1,1,1,fork,,{0},,,0x0,,,,{0},\n1,{0},{0},exit,,,,,,,,,,\n"
        "1,1,1,wait,,,,,,,,,{0},\n",
        child);
  const auto needs = needs_of(rows);
  ASSERT_TRUE(needs) << to_string(needs.error());
  EXPECT_EQ(needs->peak_processes, 2u);
  EXPECT_EQ(needs->processes, 20'000u);
}

TEST(Validate, ThreadsAreLimited)
{
  std::string rows = kExec;
  for (int thread = 2; thread <= 20'000; ++thread)
    rows += fmt::format("1,1,1,thread,,,,,,,,,{},\n", thread);
  EXPECT_EQ(error_of(rows), "t.csv:16394: more than 16384 threads are alive");
}

TEST(Validate, ManyCopiesOfManyMappingsAreRefused)
{
  std::string rows = kExec;
  for (int i = 0; i < 20'000; ++i)
    rows += fmt::format("1,1,1,mmap,0x0,4096,,,0x22,0x3,,,{:#x},\n", 0x7f0000000000 + i * 0x2000ll);
  for (int child = 2; child <= 400; ++child)
    rows += fmt::format("1,1,1,fork,,{0},,,0x0,,,,{0},\n", child);
  EXPECT_EQ(error_of(rows), "t.csv:20210: more than 4000000 ranges are mapped");
}

TEST(Validate, OnlyTheDeadAreReaped)
{
  const std::string child = kExec + "1,1,1,fork,,2,,,0x0,,,,2,\n";
  EXPECT_EQ(error_of(child + "2,1,1,wait,,,,,,,,,2,\n"),
            "t.csv:12: process 2 is reaped before its exit");
  EXPECT_EQ(
      error_of(child + "2,2,2,exit,,,,,,,,,,\n3,1,1,wait,,,,,,,,,2,\n4,1,1,wait,,,,,,,,,2,\n"),
      "t.csv:14: process 2 is reaped twice");
  EXPECT_EQ(error_of(child + "2,1,1,wait,,,,,,,,,9,\n"),
            "t.csv:12: process 9 is reaped, expected one that was born before");
}

TEST(Validate, ExecEndsTheOtherThreads)
{
  EXPECT_EQ(
      error_of(kExec + "1,1,1,thread,,,,,,,,,2,\n2,1,1,exec,,,,,,,,,,\n3,1,2,exit,,,,,,,,,,\n"),
      "t.csv:13: thread 2 acts after its end");
}

// ---- arguments ----

TEST(Validate, VmaRowsFollowExecInOrder)
{
  const std::string vma = "0,1,1,vma,0x400000,8192,,,0x2,0x5,,,,\n";
  EXPECT_EQ(error_of(kExec + vma + "0,1,1,vma,0x401000,4096,,,0x2,0x5,,,,\n"),
            "t.csv:12: vma at 0x401000 begins before the end of the one before, 0x402000");
  EXPECT_EQ(error_of(kExec + "0,1,1,brk,0x0,,,,,,,,0x1000,\n" + vma),
            "t.csv:12: vma is there, expected it right after start or exec of the process only");
  EXPECT_EQ(row_error("0,1,1,vma,0x400000,100,,,0x2,0x5,,,,"),
            "t.csv:11: length is 100, expected whole pages");
  EXPECT_EQ(row_error("0,1,1,vma,0xffffffffff600000,4096,,,0x100000002,0x4,,,,"), "no error");
  EXPECT_EQ(row_error("0,1,1,vma,0xffffffffff600000,4096,,,0x2,0x4,,,,"),
            "t.csv:11: vma is 0xffffffffff600000 with 4096 bytes, expected a range below "
            "0x800000000000");
}

TEST(Validate, AddressesAreOfUserSpace)
{
  EXPECT_EQ(row_error("1,1,1,read,0x800000000000,,,,,,,,,"),
            "t.csv:11: page is 0x800000000000 with 4096 bytes, expected a range below "
            "0x800000000000");
  EXPECT_EQ(row_error("1,1,1,read,0x7ffffffff001,,,,,,,,,"),
            "t.csv:11: address is 0x7ffffffff001, expected a multiple of the page size 4096");
  EXPECT_EQ(row_error("1,1,1,mmap,0x0,4096,,,0x22,0x3,,,0x7ffffffff000,"), "no error");
  EXPECT_EQ(row_error("1,1,1,mmap,0x0,8192,,,0x22,0x3,,,0x7ffffffff000,"),
            "t.csv:11: mapping is 0x7ffffffff000 with 8192 bytes, expected a range below "
            "0x800000000000");
  EXPECT_EQ(row_error("1,1,1,brk,0x0,,,,,,,,0x900000000000,"),
            "t.csv:11: break is 0x900000000000 with 0 bytes, expected a range below "
            "0x800000000000");
  EXPECT_EQ(row_error("1,1,1,uffd_move,0x0,4096,0xffffffffff600000,,,,,,4096,"),
            "t.csv:11: destination is 0xffffffffff600000 with 4096 bytes, expected a range below "
            "0x800000000000");
}

TEST(Validate, Arm64HasOneBitMore)
{
  EXPECT_EQ(address_end({.machine = "x86_64"}), std::uint64_t{1} << 47);
  EXPECT_EQ(address_end({.machine = "aarch64"}), std::uint64_t{1} << 48);
}

TEST(Validate, HugeLengthsOfCallsThatSucceededAreRefused)
{
  for (const char* call : {"munmap,0x1000,{},,,,,,,0,", "mlock,0x1000,{},,,,,,,0,",
                           "mprotect,0x1000,{},,,,0x1,,,0,", "madvise,0x1000,{},,,0x4,,,,0,"})
    for (const std::uint64_t length : {std::uint64_t{1} << 63, std::uint64_t{1} << 47})
      EXPECT_EQ(row_error("1,1,1," + fmt::format(fmt::runtime(call), length)),
                fmt::format("t.csv:11: range is 0x1000 with {} bytes, expected a range below "
                            "0x800000000000",
                            length));
}

TEST(Validate, ACallThatFailedMayHaveAskedForAnything)
{
  for (const char* call :
       {"munmap,{1},{0},,,,,,,-22,", "mlock,{1},{0},,,,,,,-22,", "mlock2,{1},{0},,,0xff,,,,-22,",
        "mprotect,{1},{0},,,,0x1,,,-12,", "madvise,{1},{0},,,0x4,,,,-22,",
        "mmap,{1},{0},,,0x32,0x3,,,-12,", "mremap,{1},{0},{1},{0},0x3,,,,-22,",
        "prctl,0x0,{0},,{0},0x53564d41,,,,-22,", "uffd_move,{1},{0},{1},,,,,,-22,"})
    for (const std::uint64_t length : {std::uint64_t{1} << 63, ~std::uint64_t{0}})
      for (const char* address : {"0x1001", "0x800000000000", "0xfffffffffffff000"})
        EXPECT_EQ(row_error("1,1,1," + fmt::format(fmt::runtime(call), length, address)),
                  "no error")
            << call;
}

TEST(Validate, AHintIsOnlyAHint)
{
  EXPECT_EQ(row_error("1,1,1,mmap,0xffffffffffffffff,4096,,,0x22,0x3,,,0x10000,"), "no error");
  EXPECT_EQ(row_error("1,1,1,mremap,0x10000,4096,0xffffffffffff0000,4096,0x5,,,,0x20000,"),
            "no error");
}

TEST(Validate, NobodyLooksAtTheAddressOfNoPage)
{
  EXPECT_EQ(row_error("1,1,1,madvise,0xffff800000000000,0,,,0x4,,,,0,"), "no error");
  EXPECT_EQ(row_error("1,1,1,mprotect,0xffff800000000000,0,,,,0x1,,,0,"), "no error");
  EXPECT_EQ(row_error("1,1,1,mlock,0x1,18446744073709551615,,,,,,,0,"), "no error");
}

TEST(Validate, WhatNoReplayCanHoldIsRefusedWithItsLine)
{
  EXPECT_EQ(row_error("1,1,1,mmap,0x0,4096,,,0x2,0x1,1000,,0x10000,"),
            "t.csv:11: file is 1000, expected a number not above that of rows, 2");
  EXPECT_EQ(row_error("1,1,1,mmap,0x0,4096,,,0x2,0x1,1,2305843009213693952,0x10000,"),
            "t.csv:11: offset and length of a file are 2305843009213693952 and 4096, expected at "
            "most 1152921504606846976");
  EXPECT_EQ(row_error("1,1,1,mmap,0x0,140737488289792,,,0x4022,0x0,,,0x10000,"),
            "t.csv:11: the address space takes more than the 130496 GiB that a replay has");
}

TEST(Validate, ResultsFitTheirCalls)
{
  EXPECT_EQ(row_error("1,1,1,mmap,0x10000,4096,,,0x32,0x3,,,0x20000,"),
            "t.csv:11: result is 0x20000, expected the fixed address 0x10000");
  EXPECT_EQ(row_error("1,1,1,mmap,0x0,4096,,,0x22,0x3,,,0x1001,"),
            "t.csv:11: result is 0x1001, expected a multiple of the page size 4096");
  EXPECT_EQ(row_error("1,1,1,mmap,0x0,0,,,0x22,0x3,,,0x1000,"),
            "t.csv:11: length of an mmap that succeeded is 0");
  EXPECT_EQ(row_error("1,1,1,munmap,0x1000,4096,,,,,,,1,"),
            "t.csv:11: result is 1, expected 0 or a negative errno");
  EXPECT_EQ(row_error("1,1,1,munmap,0x1000,4096,,,,,,,-4096,"),
            "t.csv:11: result is -4096, expected no less than -4095");
  EXPECT_EQ(row_error("1,1,1,munmap,0x1001,4096,,,,,,,0,"),
            "t.csv:11: address is 0x1001, expected a multiple of the page size 4096");
  EXPECT_EQ(row_error("1,1,1,munmap,0x1001,4096,,,,,,,-22,"), "no error");
  EXPECT_EQ(row_error("1,1,1,mlock,0x1001,4096,,,,,,,0,"), "no error");
  EXPECT_EQ(row_error("1,1,1,mremap,0x1000,4096,0x8000,4096,0x3,,,,0x9000,"),
            "t.csv:11: result is 0x9000, expected the fixed address 0x8000");
  EXPECT_EQ(row_error("1,1,1,uffd_move,0x1000,4096,0x8000,,,,,,8192,"),
            "t.csv:11: result is 8192, expected at most the length 4096");
  EXPECT_EQ(row_error("1,1,1,prctl,0x0,0,,0,0x26,,,,0,"),
            "t.csv:11: option is 0x26, expected PR_SET_VMA, PR_SET_THP_DISABLE or "
            "PR_SET_MEMORY_MERGE");
}

// ---- memory ----

TEST(Validate, TouchesOutsideOfMappingsAreDropped)
{
  const auto needs = needs_of(kExec + "1,1,1,write,0x1000,,,,,,,,,\n1,1,1,read,0x0,,,,,,,,,\n");
  ASSERT_TRUE(needs);
  EXPECT_EQ(needs->dropped_touches, 2u);
  EXPECT_EQ(needs->peak_pages(), 0u);
}

TEST(Validate, AVforkChildWritesIntoItsParent)
{
  const std::string rows = kExec + "1,1,1,mmap,0x0,8192,,,0x22,0x3,,,0x10000,\n" +
                           "1,1,1,write,0x10000,,,,,,,,,\n" + "1,1,1,fork,,2,,,{},,,,2,\n" +
                           "1,2,2,write,0x10000,,,,,,,,,\n";
  EXPECT_EQ(needs_of(fmt::format(fmt::runtime(rows), "0x1"))->peak_private_pages, 1u);
  EXPECT_EQ(needs_of(fmt::format(fmt::runtime(rows), "0x0"))->peak_private_pages, 2u);
}

TEST(Validate, FreedPagesCountNoMore)
{
  std::string rows = kExec;
  for (int i = 0; i < 10; ++i)
    rows +=
        "1,1,1,mmap,0x0,8192,,,0x22,0x3,,,0x10000,\n1,1,1,write,0x10000,,,,,,,,,\n"
        "1,1,1,madvise,0x10000,4096,,,0x4,,,,0,\n1,1,1,write,0x11000,,,,,,,,,\n"
        "1,1,1,munmap,0x10000,8192,,,,,,,0,\n";
  EXPECT_EQ(needs_of(rows)->peak_private_pages, 1u);
}

TEST(Validate, SharedMemoryIsThereOnce)
{
  const auto needs =
      needs_of(kExec +
               "1,1,1,mmap,0x0,8192,,,0x21,0x3,4,,0x10000,\n1,1,1,write,0x10000,,,,,,,,,\n"
               "1,1,1,fork,,2,,,0x0,,,,2,\n1,2,2,write,0x10000,,,,,,,,,\n"
               "1,2,2,write,0x11000,,,,,,,,,\n");
  ASSERT_TRUE(needs);
  EXPECT_EQ(needs->file_pages, 2u);
  EXPECT_EQ(needs->peak_private_pages, 0u);
}

// ---- what is filled without a touch ----

// Of rows behind an exec: private pages, those of files, page tables.
std::string pages_of(const std::string& rows, HugePages huge_pages = HugePages::advised)
{
  const auto trace = parse_trace("t.csv", trace_of(kExec + rows));
  if (!trace)
    return to_string(trace.error());
  const auto needs = validate_trace("t.csv", *trace, huge_pages);
  return needs ? fmt::format("{} {} {}", needs->peak_private_pages, needs->file_pages,
                             needs->peak_table_pages)
               : to_string(needs.error());
}

std::string map_row(const char* flags, const char* prot = "0x3", const char* file = "",
                    std::uint64_t length = 8 << 20)
{
  return fmt::format("1,1,1,mmap,0x0,{},,,{},{},{},,0x10000000,\n", length, flags, prot, file);
}

TEST(Validate, AFilledMappingIsThereWhole)
{
  EXPECT_EQ(pages_of(map_row("0x22")), "0 0 0");
  EXPECT_EQ(pages_of(map_row("0x8022")), "2048 0 4");      // MAP_POPULATE
  EXPECT_EQ(pages_of(map_row("0x2022")), "2048 0 4");      // MAP_LOCKED
  EXPECT_EQ(pages_of(map_row("0x8022", "0x1")), "0 0 4");  // the zero page
  EXPECT_EQ(pages_of(map_row("0x8022", "0x0")), "0 0 0");  // nobody may look
  EXPECT_EQ(pages_of(map_row("0x8001", "0x3", "1")), "0 2048 4");
  EXPECT_EQ(pages_of(map_row("0x8002", "0x3", "1")), "2048 2048 4");  // and its copy
  EXPECT_EQ(pages_of(map_row("0x8021")), "0 2048 4");  // shared memory without a number
}

TEST(Validate, LockedMemoryIsThereWhole)
{
  const std::string lock = "1,1,1,mlock,0x10000000,8388608,,,,,,,{},\n";
  EXPECT_EQ(pages_of(map_row("0x22") + fmt::format(fmt::runtime(lock), 0)), "2048 0 4");
  // The replay may be allowed what the program was not.
  EXPECT_EQ(pages_of(map_row("0x22") + fmt::format(fmt::runtime(lock), -12)), "2048 0 4");
  EXPECT_EQ(pages_of(map_row("0x22") + "1,1,1,mlock2,0x10000000,8388608,,,0x1,,,,0,\n"), "0 0 0");
  EXPECT_EQ(pages_of("1,1,1,mlockall,,,,,0x2,,,,0,\n" + map_row("0x22")), "2048 0 4");
  EXPECT_EQ(pages_of(map_row("0x22") + "1,1,1,mlockall,,,,,0x1,,,,0,\n"), "2048 0 4");
  EXPECT_EQ(pages_of("1,1,1,mlockall,,,,,0x6,,,,0,\n" + map_row("0x22")), "0 0 0");  // ONFAULT
  EXPECT_EQ(
      pages_of("1,1,1,mlockall,,,,,0x2,,,,0,\n1,1,1,munlockall,,,,,,,,,0,\n" + map_row("0x22")),
      "0 0 0");
  EXPECT_EQ(pages_of("1,1,1,mlockall,,,,,0x2,,,,0,\n1,1,1,brk,0x0,,,,,,,,0x600000,\n"
                     "1,1,1,brk,0x602000,,,,,,,,0x602000,\n"),
            "2 0 1");
  EXPECT_EQ(pages_of(map_row("0x2022", "0x1") + "1,1,1,mprotect,0x10000000,8192,,,,0x3,,,0,\n"),
            "2 0 4");
  EXPECT_EQ(pages_of(map_row("0x2022", "0x3", "", 4096) +
                     "1,1,1,mremap,0x10000000,4096,0x0,16384,0x1,,,,0x20000000,\n"),
            "4 0 2");
}

TEST(Validate, AdviceFills)
{
  const std::string advise = "1,1,1,madvise,0x10000000,8388608,,,{},,,,0,\n";
  EXPECT_EQ(pages_of(map_row("0x22") + fmt::format(fmt::runtime(advise), "0x17")), "2048 0 4");
  EXPECT_EQ(pages_of(map_row("0x22") + fmt::format(fmt::runtime(advise), "0x16")), "0 0 4");
  EXPECT_EQ(pages_of(map_row("0x1", "0x3", "1") + fmt::format(fmt::runtime(advise), "0x16")),
            "0 2048 4");
}

TEST(Validate, AHugePageIsThereWhole)
{
  const std::string advised = map_row("0x22") + "1,1,1,madvise,0x10000000,8388608,,,0xe,,,,0,\n" +
                              "1,1,1,write,0x10000000,,,,,,,,,\n1,1,1,write,0x10001000,,,,,,,,,\n";
  EXPECT_EQ(pages_of(advised, HugePages::advised), "512 0 1");
  EXPECT_EQ(pages_of(advised, HugePages::never), "2 0 1");
  EXPECT_EQ(pages_of("1,1,1,prctl,0x1,0,,0,0x29,,,,0,\n" + advised), "2 0 1");
  const std::string plain = map_row("0x22") + "1,1,1,write,0x10000000,,,,,,,,,\n";
  EXPECT_EQ(pages_of(plain, HugePages::advised), "1 0 1");
  EXPECT_EQ(pages_of(plain, HugePages::always), "512 0 1");
  EXPECT_EQ(pages_of(map_row("0x22", "0x3", "", 1 << 20) + "1,1,1,write,0x10000000,,,,,,,,,\n",
                     HugePages::always),
            "1 0 1");
}

TEST(Validate, PageTablesAndChainsOfAllProcessesAreCounted)
{
  std::string rows = map_row("0x22") + "1,1,1,read,0x10000000,,,,,,,,,\n";
  rows += "1,1,1,fork,,2,,,0x0,,,,2,\n1,2,2,fork,,3,,,0x0,,,,3,\n";
  const auto needs = needs_of(kExec + rows);
  ASSERT_TRUE(needs);
  EXPECT_EQ(needs->peak_table_pages, 3u);
  EXPECT_EQ(needs->peak_ranges, 3u);
  EXPECT_EQ(needs->peak_links, 6u);  // one, two, three of a generation each
  EXPECT_GT(needs->memory_bytes(), 0u);
}

TEST(Validate, MoreMemoryThanNumbersIsNotLittle)
{
  std::string rows = kExec;
  for (int i = 1; i < 300'000; i *= 2)
    for (int n = 0; n < 8; ++n)
      rows +=
          fmt::format("1,1,1,mmap,0x0,70368744177664,,,0x8001,0x3,{},0,0x100000000000,\n", 1 + n);
  const auto needs = needs_of(rows);
  ASSERT_TRUE(needs);
  EXPECT_GT(needs->memory_bytes(), std::uint64_t{1} << 48);
}

TEST(Validate, AReadablePartIsKept)
{
  auto trace = parse_trace("t.csv", trace_of(kSmallRows));
  ASSERT_TRUE(trace);
  std::string why;
  EXPECT_EQ(readable_rows(*trace, why), trace->rows.size());
  EXPECT_EQ(why, "");
  trace->rows[12].thread = 77;
  EXPECT_EQ(readable_rows(*trace, why), 12u);
  EXPECT_NE(why, "");
}

TEST(Validate, AnExecForgetsWhatWasMapped)
{
  const auto needs = needs_of(kExec + "1,1,1,mmap,0x0,8192,,,0x22,0x3,,,0x10000,\n" + kExec +
                              "1,1,1,write,0x10000,,,,,,,,,\n");
  ASSERT_TRUE(needs);
  EXPECT_EQ(needs->dropped_touches, 1u);
}

}  // namespace
}  // namespace rmaplab
