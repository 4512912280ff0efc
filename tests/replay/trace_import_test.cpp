// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_import.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "replay/trace_why.h"
#include "replay/validate.h"

namespace rmaplab
{
namespace
{

Result<ImportedTrace> import_text(const std::string& text, const ImportOptions& options = {})
{
  const auto lines = lines_of(text);
  std::size_t at = 0;
  return import_log(
      "x.log",
      [&]() -> Result<std::optional<std::string_view>> {
        return at < lines.size() ? std::optional(lines[at++]) : std::nullopt;
      },
      options);
}

std::vector<TraceRow> rows_of(const Trace& trace, TraceEvent event)
{
  std::vector<TraceRow> rows;
  std::copy_if(trace.rows.begin(), trace.rows.end(), std::back_inserter(rows),
               [event](const TraceRow& row) { return row.event == event; });
  return rows;
}

std::size_t count(const Trace& trace, TraceEvent event)
{
  return rows_of(trace, event).size();
}

TEST(LogLine, AFormatIsKnownByItsLines)
{
  EXPECT_EQ(log_format("4711  10:00:00.000100 brk(NULL) = 0x55"), LogFormat::strace);
  EXPECT_EQ(log_format("     0.057 ( 0.012 ms): sh/17491 brk()      = 0x5600788cd000"),
            LogFormat::perf_trace);
  EXPECT_EQ(log_format("  sh 17506 [000]  5381.397858:   syscalls:sys_enter_brk: brk: 0x00000000"),
            LogFormat::perf_script);
  EXPECT_FALSE(log_format("nonsense"));
}

TEST(LogLine, TimesOfStraceAreReadInEachForm)
{
  const auto time = [](std::string_view line) {
    const LogLine parsed = parse_log_line(LogFormat::strace, line);
    return parsed.event ? parsed.event->time_ns : std::nullopt;
  };
  EXPECT_EQ(time("brk(NULL) = 0x55"), std::nullopt);
  EXPECT_EQ(time("1796018897.638337 brk(NULL) = 0x55 <0.000006>"), 1'796'018'897'638'337'000u);
  EXPECT_EQ(time("06:08:17.5 brk(NULL) = 0x55"), 22'097'500'000'000u);
  EXPECT_EQ(time("06:08:17 brk(NULL) = 0x55"), 22'097'000'000'000u);
  EXPECT_EQ(time("[pid 12] 1.000001 brk(NULL) = 0x55"), 1'000'001'000u);
  const LogLine step = parse_log_line(LogFormat::strace, "12      0.000307 brk(NULL) = 0x55");
  ASSERT_TRUE(step.event);
  EXPECT_TRUE(step.event->time_is_step);
  EXPECT_EQ(step.event->thread, 12u);
}

TEST(LogLine, ABracketInAStringIsNoEnd)
{
  const LogLine line =
      parse_log_line(LogFormat::strace, R"(7 write(1, "a) = \" 3 (", 9) = 9 <0.1>)");
  ASSERT_TRUE(line.event);
  EXPECT_EQ(line.event->result, "9 <0.1>");
}

TEST(LogLine, WordsAndNumbersAreSums)
{
  EXPECT_EQ(log_number("PROT_READ|PROT_WRITE"), 3u);
  EXPECT_EQ(log_number("READ|EXEC"), 5u);
  EXPECT_EQ(log_number("MAP_PRIVATE|0x20"), 0x22u);
  EXPECT_EQ(log_number("MAP_HUGETLB|21<<MAP_HUGE_SHIFT"), 0x40000u | 21u << 26);
  EXPECT_EQ(log_number("3</lib/x|y>"), std::nullopt);  // '|' in a path: said, not guessed
  EXPECT_EQ(log_number("3</lib/x>"), 3u);
  EXPECT_EQ(log_number("NULL"), 0u);
  EXPECT_EQ(log_number("PROT_NEW"), std::nullopt);
  EXPECT_EQ(log_number("0x66 /* MADV_??? */"), 0x66u);
  EXPECT_EQ(log_result("-1 ENOMEM (Cannot allocate memory)"), -ENOMEM);
  EXPECT_EQ(log_result("4712 (prog)"), 4712);
  EXPECT_EQ(log_result("0xfffffffffffffff4"), -ENOMEM);
  EXPECT_EQ(log_result("?"), std::nullopt);
}

constexpr const char* kStrace =
    "4711  10:00:00.000100 execve(\"/usr/bin/prog\", [\"prog\"], 0x7ffd00000000 /* 20 vars */) = "
    "0\n"
    "4711  10:00:00.000200 mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, "
    "0) = 0x7f0000000000\n"
    "4711  10:00:00.000300 mprotect(0x7f0000000000, 4096, PROT_READ) = 0\n"
    "4711  10:00:00.000400 mremap(0x7f0000001000, 4096, 8192, MREMAP_MAYMOVE) = 0x7f0000010000\n"
    "4711  10:00:00.000500 +++ exited with 0 +++\n";

TEST(TraceImport, ALogOfStraceIsATrace)
{
  const auto imported = import_text(kStrace);
  ASSERT_TRUE(imported) << to_string(imported.error());
  const Trace& trace = imported->trace;
  EXPECT_EQ(imported->summary.unreadable, 0u);
  EXPECT_TRUE(validate_trace("x", trace));
  EXPECT_TRUE(trace.header.complete);
  EXPECT_EQ(trace.rows.front().event, TraceEvent::exec);
  EXPECT_EQ(trace.rows.back().event, TraceEvent::exit);
  EXPECT_EQ(trace.rows.back().time_ns, 400'000u);
  const auto moved = rows_of(trace, TraceEvent::mremap);
  ASSERT_EQ(moved.size(), 1u);
  EXPECT_EQ(moved[0].result, 0x7f0000010000);
}

TEST(TraceImport, FaultsAreByRuleAndSaidToBe)
{
  const auto imported = import_text(kStrace);
  ASSERT_TRUE(imported);
  EXPECT_EQ(count(imported->trace, TraceEvent::write), 1u);
  EXPECT_NE(imported->trace.header.note.find("1 page faults by rule"), std::string::npos);
  const auto none = import_text(kStrace, {.format = {},
                                          .faults = ImportFaults::none,
                                          .page_size = 4096,
                                          .machine = "x86_64",
                                          .kernel = "unknown"});
  ASSERT_TRUE(none);
  EXPECT_EQ(count(none->trace, TraceEvent::write), 0u);
  EXPECT_NE(none->trace.header.note.find("no page faults"), std::string::npos);
  // Nothing is concluded from faults that nobody saw.
  std::string text = trace_header_text(imported->trace.header);
  for (const TraceRow& row : imported->trace.rows)
    append_row(text, row);
  const auto why = explain_trace([&text] { return TraceReader::of_text("t.csv", text); }, {});
  ASSERT_TRUE(why) << to_string(why.error());
  EXPECT_FALSE(why->faults_known);
}

TEST(TraceImport, UnfinishedAndResumedLinesAreOneCall)
{
  const auto imported = import_text(
      "10 execve(\"/x\", [\"x\"], 0x1) = 0\n"
      "10 clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD <unfinished ...>\n"
      "11 mmap(NULL, 4096, PROT_READ <unfinished ...>\n"
      "10 <... clone resumed>, child_tidptr=0x1) = 11\n"
      "11 <... mmap resumed>, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
      "11 exit_group(0) = ?\n"
      "11 +++ exited with 0 +++\n"
      "10 wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 0}], 0, NULL) = 11\n"
      "10 exit_group(0) = ?\n"
      "10 +++ exited with 0 +++\n");
  ASSERT_TRUE(imported) << to_string(imported.error());
  EXPECT_EQ(imported->summary.unreadable, 0u) << imported->summary.first_unreadable;
  EXPECT_EQ(imported->summary.unborn, 0u);
  const auto mmap = rows_of(imported->trace, TraceEvent::mmap);
  ASSERT_EQ(mmap.size(), 1u);
  EXPECT_EQ(mmap[0].process, 2u);
  EXPECT_EQ(count(imported->trace, TraceEvent::wait), 1u);
  EXPECT_EQ(count(imported->trace, TraceEvent::exit), 2u);
}

// strace without -o: no PIDs before there are two, and its own words inside a line.
TEST(TraceImport, StandardErrorOfStraceIsReadToo)
{
  const auto imported = import_text(
      "execve(\"/x\", [\"x\"], 0x1) = 0\n"
      "brk(NULL)                               = 0x562420472000\n"
      "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLDstrace: Process 81 attached\n"
      ", child_tidptr=0x7fae79ceba10) = 81\n"
      "[pid 80] vfork(strace: Process 82 attached\n"
      " <unfinished ...>\n"
      "[pid 82] execve(\"/y\", [\"y\"], 0x1) = 0\n"
      "[pid 80] <... vfork resumed>)        = 82\n"
      "[pid 81] +++ exited with 0 +++\n"
      "[pid 82] +++ exited with 0 +++\n"
      "--- SIGCHLD {si_signo=SIGCHLD} ---\n"
      "brk(0x562420493000)                     = 0x562420493000\n"
      "+++ exited with 0 +++\n");
  ASSERT_TRUE(imported) << to_string(imported.error());
  EXPECT_EQ(imported->summary.unreadable, 0u) << imported->summary.first_unreadable;
  EXPECT_EQ(imported->summary.unborn, 0u);
  EXPECT_EQ(count(imported->trace, TraceEvent::fork), 2u);
  const auto breaks = rows_of(imported->trace, TraceEvent::brk);
  ASSERT_EQ(breaks.size(), 2u);
  EXPECT_EQ(breaks[1].process, 1u);
  EXPECT_TRUE(imported->trace.header.complete);
}

TEST(TraceImport, ACallThatBeganWithAPidMayEndWithoutOne)
{
  const auto imported = import_text(
      "execve(\"/x\", [\"x\"], 0x1) = 0\n"
      "clone(child_stack=NULL, flags=SIGCHLDstrace: Process 81 attached\n"
      ") = 81\n"
      "[pid 80] wait4(-1,  <unfinished ...>\n"
      "[pid 81] +++ exited with 0 +++\n"
      "<... wait4 resumed>[{WIFEXITED(s)}], 0, NULL) = 81\n"
      "exit_group(0) = ?\n");
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->summary.unreadable, 0u) << imported->summary.first_unreadable;
  EXPECT_EQ(imported->summary.unborn, 0u);
  EXPECT_EQ(count(imported->trace, TraceEvent::wait), 1u);
}

TEST(TraceImport, AThreadIsNoProcess)
{
  const auto imported = import_text(
      "10 execve(\"/x\", [\"x\"], 0x1) = 0\n"
      "10 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, stack=0x7f}, 88) = 11\n"
      "11 munmap(0x7f0000000000, 4096) = 0\n"
      "11 exit(0) = ?\n"
      "11 +++ exited with 0 +++\n"
      "10 exit_group(0) = ?\n");
  ASSERT_TRUE(imported);
  EXPECT_EQ(count(imported->trace, TraceEvent::thread), 1u);
  EXPECT_EQ(count(imported->trace, TraceEvent::fork), 0u);
  EXPECT_EQ(count(imported->trace, TraceEvent::exit_thread), 1u);
  EXPECT_EQ(count(imported->trace, TraceEvent::exit), 1u);
}

TEST(TraceImport, WhatNothingMappedWasThereFromTheStart)
{
  const auto imported = import_text(
      "10 execve(\"/x\", [\"x\"], 0x1) = 0\n"
      "10 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
      "10 mprotect(0x7f0000000000, 8192, PROT_READ) = 0\n"
      "10 munmap(0x7f0000000000, 4096) = 0\n"
      "10 mprotect(0x7f0000000000, 4096, PROT_READ) = -1 ENOMEM (Cannot allocate memory)\n");
  ASSERT_TRUE(imported);
  ASSERT_EQ(count(imported->trace, TraceEvent::vma), 1u);
  EXPECT_EQ(imported->trace.rows[1].event, TraceEvent::vma);
  EXPECT_EQ(imported->trace.rows[1].address, 0x7f0000001000u);
  EXPECT_EQ(imported->trace.rows[1].length, 4096u);
  EXPECT_NE(imported->trace.header.note.find("1 ranges that nothing mapped"), std::string::npos);
  EXPECT_EQ(rows_of(imported->trace, TraceEvent::mprotect)[1].result, -ENOMEM);
  EXPECT_FALSE(imported->trace.header.complete);
}

TEST(TraceImport, FilesAreByPathOrDescriptor)
{
  const auto files = [](const std::string& text) {
    const auto imported = import_text("10 execve(\"/x\", [\"x\"], 0x1) = 0\n" + text);
    std::vector<std::uint32_t> numbers;
    if (imported)
      for (const TraceRow& row : rows_of(imported->trace, TraceEvent::mmap))
        numbers.push_back(row.file);
    return numbers;
  };
  const std::string map = "10 mmap(NULL, 4096, PROT_READ, MAP_SHARED, ";
  using Numbers = std::vector<std::uint32_t>;
  EXPECT_EQ(files(map + "3</a>, 0) = 0x7f0000000000\n" + map + "4</a>, 0) = 0x7f0000002000\n"),
            (Numbers{1, 1}));
  EXPECT_EQ(files(map + "3, 0) = 0x7f0000000000\n" + map + "3, 0) = 0x7f0000002000\n"),
            (Numbers{1, 1}));
  EXPECT_EQ(files(map + "3, 0) = 0x7f0000000000\n10 openat(AT_FDCWD, \"b\", O_RDONLY) = 3\n" + map +
                  "3, 0) = 0x7f0000002000\n"),
            (Numbers{1, 2}));
}

TEST(TraceImport, ALogOfPerfTraceIsATrace)
{
  const auto imported = import_text(
      "         ? (         ): sh/17491  ... [continued]: execve())                     = 0\n"
      "     0.057 ( 0.012 ms): sh/17491 brk()                                          = "
      "0x5600788cd000\n"
      "     0.260 ( 0.016 ms): sh/17491 mmap(len: 8192, prot: READ|WRITE, flags: "
      "PRIVATE|ANONYMOUS) = 0x7fa50ba9f000\n"
      "     0.635 ( 0.018 ms): sh/17491 mprotect(start: 0x7fa50ba9f000, len: 4096, prot: READ) = "
      "0\n"
      "         ? (         ): sh/17492  ... [continued]: clone())                      = \n"
      "     0.700 ( 0.010 ms): sh/17492 madvise(start: 0x7fa50baa0000, len_in: 4096, behavior: "
      "MADV_DONTFORK) = 0\n"
      "     0.940 ( 0.252 ms): sh/17491 clone(clone_flags: CHILD_CLEARTID|CHILD_SETTID|0x11) = "
      "17492 (sh)\n"
      "     1.000 (         ): sh/17492 exit_group()                                   = ?\n"
      "     1.100 (         ): sh/17491 exit_group()                                   = ?\n");
  ASSERT_TRUE(imported) << to_string(imported.error());
  EXPECT_EQ(imported->summary.format, LogFormat::perf_trace);
  EXPECT_EQ(imported->summary.unreadable, 0u) << imported->summary.first_unreadable;
  EXPECT_EQ(imported->summary.unborn, 0u);
  const auto advice = rows_of(imported->trace, TraceEvent::madvise);
  ASSERT_EQ(advice.size(), 1u);
  EXPECT_EQ(advice[0].process, 2u);
  EXPECT_EQ(advice[0].flags, static_cast<std::uint64_t>(MADV_DONTFORK));
  EXPECT_TRUE(imported->trace.header.complete);
}

TEST(TraceImport, ALogOfPerfScriptIsATrace)
{
  const auto imported = import_text(
      "  my sh 17506 [000]  5381.397833: sched:sched_process_exec: filename=/usr/bin/sh pid=17506\n"
      "  my sh 17506 [000]  5381.398056: syscalls:sys_enter_mmap: addr: 0x00000000, len: "
      "0x00002000, prot: 0x00000003, flags: 0x00000022, fd: 0xffffffff, off: 0x00000000\n"
      "  my sh 17506 [000]  5381.398060: syscalls:sys_exit_mmap: 0x7f371989a000\n"
      "  my sh 17506 [000]  5381.398422: syscalls:sys_enter_clone: clone_flags: 0x01200011, newsp: "
      "0x00000000\n"
      "  my sh 17506 [000]  5381.398883: sched:sched_process_fork: comm=sh pid=17506 child_comm=sh "
      "child_pid=17509\n"
      "  my sh 17506 [000]  5381.398889: syscalls:sys_exit_clone: 0x4465\n"
      "  my sh 17509 [000]  5381.398898: syscalls:sys_exit_clone: 0x0\n"
      "  my sh 17509 [000]  5381.399000: sched:sched_process_exit: comm=sh pid=17509 prio=120\n"
      "  my sh 17506 [000]  5381.399100: syscalls:sys_enter_munmap: addr: 0x7f371989a000, len: "
      "0x00002000\n"
      "  my sh 17506 [000]  5381.399101: syscalls:sys_exit_munmap: 0xfffffffffffffff4\n");
  ASSERT_TRUE(imported) << to_string(imported.error());
  EXPECT_EQ(imported->summary.format, LogFormat::perf_script);
  EXPECT_EQ(imported->summary.unreadable, 0u) << imported->summary.first_unreadable;
  EXPECT_EQ(count(imported->trace, TraceEvent::fork), 1u);
  EXPECT_EQ(count(imported->trace, TraceEvent::exec), 1u);
  const auto unmaps = rows_of(imported->trace, TraceEvent::munmap);
  ASSERT_EQ(unmaps.size(), 1u);
  EXPECT_EQ(unmaps[0].result, -ENOMEM);
  EXPECT_EQ(imported->trace.rows.back().time_ns, 1'268'000u);
}

TEST(TraceImport, WhatCannotBeReadIsCountedAndTheFirstIsNamed)
{
  const auto imported = import_text(
      "10 execve(\"/x\", [\"x\"], 0x1) = 0\n"
      "10 mmap(NULL, 4096, PROT_SURPRISE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n"
      "what is this\n"
      "10 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000001\n"
      "10 <... munmap resumed>) = 0\n");
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->summary.unreadable, 4u);
  EXPECT_EQ(imported->summary.first_unreadable, "x.log:2: mmap: argument 3 is \"PROT_SURPRISE\"");
  EXPECT_EQ(imported->trace.header.lost, 4u);
  EXPECT_NE(imported->trace.header.note.find("4 lines not read"), std::string::npos);
}

TEST(TraceImport, NoLogAtAllIsAnError)
{
  const auto empty = import_text("");
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code, Errc::parse);
  const auto other = import_text("hello\nworld\n");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().context, "x.log:1: expected a line of strace, perf trace or perf script");
}

TEST(TraceImport, HostileLinesCostNoMoreThanTheirLength)
{
  const std::string deep(60'000, '(');
  const std::string commas(60'000, ',');
  const auto imported =
      import_text("10 execve(\"/x\", [\"x\"], 0x1) = 0\n10 mmap" + deep + "\n10 mmap(" + commas +
                  ") = 0\n10 brk(99999999999999999999999) = 0x55\n" + std::string(100'000, 'a') +
                  "\n4294967296 brk(NULL) = 0x1000\n");
  ASSERT_TRUE(imported) << to_string(imported.error());
  EXPECT_EQ(imported->summary.unreadable, 4u) << imported->summary.first_unreadable;
}

TEST(TraceImport, AThreadOfUnknownBirthIsAProcessAndSaid)
{
  const auto imported = import_text(
      "10 execve(\"/x\", [\"x\"], 0x1) = 0\n"
      "99 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000\n");
  ASSERT_TRUE(imported);
  EXPECT_EQ(imported->summary.unborn, 1u);
  EXPECT_EQ(rows_of(imported->trace, TraceEvent::mmap)[0].process, 2u);
  EXPECT_NE(imported->trace.header.note.find("1 threads of unknown birth"), std::string::npos);
}

}  // namespace
}  // namespace rmaplab
