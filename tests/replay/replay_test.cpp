// SPDX-License-Identifier: GPL-2.0-only
#include "replay/replay.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <ctime>
#include <map>
#include <random>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "replay/player_image.h"
#include "replay/program.h"
#include "tests/replay/trace_builder.h"

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kPage = kTestPage;
constexpr std::uint64_t kAt = kTestPlace;

ReplayOutcome played(const Trace& trace, const ReplayOptions& options = {.timeout_s = 20})
{
  auto replay = prepare(trace, options);
  if (!replay) {
    ADD_FAILURE() << to_string(replay.error());
    return {};
  }
  auto outcome = play(*replay);
  if (!outcome) {
    ADD_FAILURE() << to_string(outcome.error());
    return {};
  }
  return *outcome;
}

void expect_as_recorded(const ReplayOutcome& outcome)
{
  EXPECT_EQ(outcome.as_recorded, outcome.calls);
  EXPECT_EQ(outcome.mappings_failed, 0u);
  if (outcome.first)
    ADD_FAILURE() << "row " << outcome.first->row << ": expected " << outcome.first->expected
                  << ", found " << outcome.first->found;
}

struct Seen {
  int arena = 0;      // VMAs of the recorded program
  int own = 0;        // of the player and the kernel
  int anonymous = 0;  // of those: no file, no name in brackets
  std::string text;
};

Seen look_at(pid_t pid)
{
  Seen seen;
  const auto maps = read_file("/proc/" + std::to_string(pid) + "/maps");
  if (!maps)
    return seen;
  seen.text = *maps;
  for (const auto line : lines_of(*maps)) {
    const auto begin = parse_u64(line.substr(0, line.find('-')), 16);
    const auto words = split_blanks(line);
    if (!begin)
      continue;
    if (*begin >= kReplayArenaBegin && *begin < kReplayArenaEnd)
      ++seen.arena;
    else if (words.size() < 6 || words[5] == "[stack]" || words[5] == "[heap]")
      ++seen.anonymous;
    else
      ++seen.own;
  }
  return seen;
}

// What each process looked like right before its exit.
std::map<std::uint32_t, Seen> looks(const Trace& trace, ReplayOptions options = {.timeout_s = 20})
{
  std::map<std::uint32_t, Seen> seen;
  options.look = [&](std::uint32_t process, pid_t pid, std::uint32_t) {
    seen[process] = look_at(pid);
  };
  expect_as_recorded(played(trace, options));
  return seen;
}

TEST(Replay, OneProcessDoesWhatWasRecorded)
{
  const Trace trace = TraceBuilder()
                          .map(kAt, 8)
                          .write(kAt)
                          .read(kAt + kPage)
                          .protect(kAt + 2 * kPage, 2, PROT_READ)
                          .unmap(kAt + 6 * kPage, 2)
                          .exit()
                          .take();
  const auto outcome = played(trace);
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.calls, 3u);
  EXPECT_EQ(outcome.touches, 2u);
  EXPECT_EQ(outcome.refused, 0u);
  EXPECT_EQ(outcome.processes, 1u);
  EXPECT_EQ(outcome.threads, 1u);
}

// One segment without anything writable: no mapping of the player's file has an anon_vma.
TEST(Replay, ThePlayersFileIsTextOnly)
{
  const auto image = player_image();
  Elf64_Ehdr header = {};
  ASSERT_GE(image.size(), sizeof header);
  std::memcpy(&header, image.data(), sizeof header);
  int loaded = 0;
  for (int n = 0; n < header.e_phnum; ++n) {
    Elf64_Phdr segment = {};
    std::memcpy(&segment, image.data() + header.e_phoff + n * sizeof segment, sizeof segment);
    if (segment.p_type != PT_LOAD)
      continue;
    ++loaded;
    EXPECT_EQ(segment.p_vaddr, kPlayerText);
    EXPECT_EQ(segment.p_flags, static_cast<Elf64_Word>(PF_R | PF_X));
    EXPECT_EQ(segment.p_filesz, segment.p_memsz);
  }
  EXPECT_EQ(loaded, 1);
}

TEST(Replay, ThePlayerOwnsNoAnonymousMemory)
{
  const auto seen = looks(TraceBuilder().exit().take());
  ASSERT_EQ(seen.count(1), 1u);
  EXPECT_EQ(seen.at(1).anonymous, 0) << seen.at(1).text;
  EXPECT_EQ(seen.at(1).arena, 0) << seen.at(1).text;
}

TEST(Replay, MergesAndSplitsAreTheKernelsOwn)
{
  const auto seen = looks(TraceBuilder()
                              .map(kAt, 4)
                              .map(kAt + 4 * kPage, 4)             // merges
                              .protect(kAt + kPage, 1, PROT_READ)  // three
                              .map(kAt + 10 * kPage, 1)            // four
                              .protect(kAt + 10 * kPage, 1, PROT_NONE)
                              .exit()
                              .take());
  EXPECT_EQ(seen.at(1).arena, 4) << seen.at(1).text;
}

TEST(Replay, ACallThatFailedFailsTheSameWay)
{
  const auto outcome = played(
      TraceBuilder()
          .map(kAt, 1)
          .protect(kAt, 2, PROT_READ, -12)
          .row({.event = TraceEvent::munmap, .address = kAt, .length = 1ull << 63, .result = -22})
          .row({.event = TraceEvent::mmap,
                .length = 1ull << 62,
                .flags = kTestPrivate,
                .prot = PROT_READ,
                .result = -12})
          .exit()
          .take());
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.calls, 4u);
}

TEST(Replay, TheFirstDivergenceIsNamed)
{
  const auto outcome = played(TraceBuilder()
                                  .map(kAt, 1)
                                  .protect(kAt, 1, PROT_READ, -12)
                                  .protect(kAt + 16 * kPage, 1, PROT_READ)
                                  .exit()
                                  .take());
  EXPECT_EQ(outcome.calls, 3u);
  EXPECT_EQ(outcome.as_recorded, 1u);
  ASSERT_TRUE(outcome.first);
  EXPECT_EQ(outcome.first->row, 2u);
  EXPECT_EQ(outcome.first->expected, -12);
  EXPECT_EQ(outcome.first->found, 0);
}

TEST(Replay, ATouchOfNothingIsCountedAndSkipped)
{
  const auto outcome = played(TraceBuilder()
                                  .map(kAt, 1, PROT_READ)
                                  .write(kAt)
                                  .read(kAt + 8 * kPage)
                                  .read(kAt)
                                  .exit()
                                  .take());
  EXPECT_EQ(outcome.touches, 3u);
  EXPECT_EQ(outcome.refused, 2u);
}

TEST(Replay, TheHeapGrowsAndShrinks)
{
  constexpr std::uint64_t kHeap = 0x5555'5557'9000;
  const auto seen = looks(TraceBuilder()
                              .brk(0, kHeap)
                              .brk(kHeap + 33 * kPage, kHeap + 33 * kPage)
                              .write(kHeap)
                              .brk(kHeap + 34 * kPage, kHeap + 34 * kPage)
                              .brk(kHeap + 2 * kPage, kHeap + 2 * kPage)
                              .exit()
                              .take());
  EXPECT_EQ(seen.at(1).arena, 1) << seen.at(1).text;
}

TEST(Replay, MremapGrowsShrinksAndMoves)
{
  const auto outcome = played(TraceBuilder()
                                  .map(kAt, 4)
                                  .write(kAt)
                                  .remap(kAt, 4, kAt, 8)
                                  .remap(kAt, 8, kAt, 2)
                                  .remap(kAt, 2, kAt + 64 * kPage, 16)
                                  .write(kAt + 79 * kPage)
                                  .exit()
                                  .take());
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.refused, 0u);
}

TEST(Replay, ThreeGenerationsHoldTheRecordedMappings)
{
  const Trace trace = TraceBuilder()
                          .map(kAt, 4)
                          .write(kAt)
                          .fork(2, 2)
                          .as(2, 2)
                          .map(kAt + 16 * kPage, 1)
                          .write(kAt + kPage)
                          .fork(3, 3)
                          .as(3, 3)
                          .map(kAt + 32 * kPage, 1)
                          .write(kAt + 2 * kPage)
                          .as(1, 1)
                          .write(kAt + 3 * kPage)
                          .as(3, 3)
                          .exit()
                          .as(2, 2)
                          .wait(3)
                          .exit()
                          .as(1, 1)
                          .wait(2)
                          .exit()
                          .take();
  for (const auto order : {ReplayOrder::strict, ReplayOrder::tree}) {
    const auto seen = looks(trace, {.order = order, .timeout_s = 20});
    EXPECT_EQ(seen.at(1).arena, 1) << seen.at(1).text;
    EXPECT_EQ(seen.at(2).arena, 2) << seen.at(2).text;
    EXPECT_EQ(seen.at(3).arena, 3) << seen.at(3).text;
    EXPECT_EQ(seen.at(3).anonymous, 0) << seen.at(3).text;
  }
}

TEST(Replay, ExecIsAFreshAddressSpaceWithTheRecordedLayout)
{
  constexpr std::uint64_t kText = 0x5555'5555'4000;
  constexpr std::uint64_t kStack = 0x7ffc'a000'0000;
  TraceBuilder builder;
  builder.map(kAt, 4).write(kAt).fork(2, 2).as(2, 2).exec();
  builder.vma(kText, 1, PROT_READ | PROT_EXEC, MAP_PRIVATE, 1)
      .vma(kText + kPage, 1, PROT_READ, MAP_PRIVATE | kVmaHasAnonVma, 1, kPage)
      .vma(kText + 2 * kPage, 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, 1, 2 * kPage)
      .vma(kStack, 33, PROT_READ | PROT_WRITE, kTestPrivate | MAP_GROWSDOWN | kVmaHasAnonVma)
      .vma(kStack + 64 * kPage, 2, PROT_READ, kTestPrivate | kVmaSpecial)
      .write(kStack - kPage)  // the stack grows
      .exit();
  const Trace trace = builder.as(1, 1).wait(2).exit().take();
  for (const auto order : {ReplayOrder::strict, ReplayOrder::tree}) {
    const auto seen = looks(trace, {.order = order, .timeout_s = 20});
    EXPECT_EQ(seen.at(1).arena, 1) << seen.at(1).text;
    EXPECT_EQ(seen.at(2).arena, 4) << seen.at(2).text;
    EXPECT_EQ(seen.at(2).anonymous, 0) << seen.at(2).text;
  }
}

TEST(Replay, AVforkedChildSharesMemoryUntilItExecs)
{
  const Trace trace = TraceBuilder()
                          .map(kAt, 1)
                          .fork(2, 2, 1)
                          .as(2, 2)
                          .map(kAt + 8 * kPage, 1)  // in the parent's address space
                          .exec()
                          .map(kAt, 1)
                          .as(1, 1)
                          .write(kAt + 8 * kPage)
                          .as(2, 2)
                          .exit()
                          .as(1, 1)
                          .wait(2)
                          .exit()
                          .take();
  for (const auto order : {ReplayOrder::strict, ReplayOrder::tree}) {
    const auto seen = looks(trace, {.order = order, .timeout_s = 20});
    EXPECT_EQ(seen.at(1).arena, 2) << seen.at(1).text;
    EXPECT_EQ(seen.at(2).arena, 1) << seen.at(2).text;
    EXPECT_EQ(played(trace, {.order = order, .timeout_s = 20}).refused, 0u);
  }
}

TEST(Replay, ThreadsShareTheirProcessAndMayEndBeforeIt)
{
  const Trace trace = TraceBuilder()
                          .thread(2)
                          .thread(3)
                          .as(1, 2)
                          .map(kAt, 1)
                          .as(1, 3)
                          .write(kAt)
                          .exit_thread()
                          .as(1, 1)
                          .exit_thread()  // the leader, before the last
                          .as(1, 2)
                          .unmap(kAt, 1)
                          .exit()
                          .take();
  for (const auto order : {ReplayOrder::strict, ReplayOrder::tree}) {
    const auto outcome = played(trace, {.order = order, .timeout_s = 20});
    expect_as_recorded(outcome);
    EXPECT_EQ(outcome.refused, 0u);
    EXPECT_EQ(outcome.threads, 3u);
    EXPECT_EQ(outcome.processes, 1u);
  }
}

TEST(Replay, ASharedFileIsOneFileForAll)
{
  const auto outcome = played(TraceBuilder()
                                  .map(kAt, 2, PROT_READ | PROT_WRITE, MAP_SHARED, 1, 3 * kPage)
                                  .write(kAt + kPage)
                                  .map(kAt + 8 * kPage, 2, PROT_READ, MAP_PRIVATE, 2)
                                  .read(kAt + 9 * kPage)
                                  .exit()
                                  .take());
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.refused, 0u);
}

TEST(Replay, CopiesRunAtOnceAndAreSummedUp)
{
  const Trace trace =
      TraceBuilder().map(kAt, 4).fork(2, 2).as(2, 2).exit().as(1, 1).wait(2).exit().take();
  for (const auto order : {ReplayOrder::strict, ReplayOrder::tree}) {
    const auto outcome = played(trace, {.order = order, .copies = 5, .timeout_s = 20});
    expect_as_recorded(outcome);
    EXPECT_EQ(outcome.processes, 10u);
    EXPECT_EQ(outcome.calls, 5u);
  }
}

TEST(Replay, PlaysAgainTheSame)
{
  const Trace trace = TraceBuilder()
                          .map(kAt, 4, PROT_READ | PROT_WRITE, MAP_SHARED, 1)
                          .write(kAt)
                          .protect(kAt, 1, PROT_READ, -1)
                          .exit()
                          .take();
  auto replay = prepare(trace, {});
  ASSERT_TRUE(replay);
  for (int i = 0; i < 3; ++i) {
    const auto outcome = play(*replay);
    ASSERT_TRUE(outcome) << to_string(outcome.error());
    EXPECT_EQ(outcome->as_recorded, 1u);
  }
}

TEST(Replay, AnUnfinishedRecordingEndsItsProcesses)
{
  const auto outcome = played(TraceBuilder().fork(2, 2).as(2, 2).map(kAt, 1).take());
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.processes, 2u);
}

TEST(Replay, AnEndThatTheTraceLacksIsNoRowToLookAt)
{
  const Trace trace = TraceBuilder().fork(2, 2).as(2, 2).map(kAt, 1).take();
  std::vector<std::uint32_t> rows;
  ReplayOptions options = {.timeout_s = 20, .pauses = ReplayPauses::calls};
  options.look = [&](std::uint32_t, pid_t, std::uint32_t row) { rows.push_back(row); };
  auto replay = prepare(trace, options);
  ASSERT_TRUE(replay);
  const auto outcome = play(*replay);
  ASSERT_TRUE(outcome) << to_string(outcome.error());
  for (const std::uint32_t row : rows)
    EXPECT_LT(row, trace.rows.size());
}

TEST(Replay, ProcessesOfAnAttachedTreeHaveAddressSpacesOfTheirOwn)
{
  Trace trace = TraceBuilder()
                    .map(kAt, 4)
                    .as(2, 2)
                    .row({.event = TraceEvent::start})
                    .vma(kAt, 2, PROT_READ | PROT_WRITE, kTestPrivate)
                    .as(1, 1)
                    .unmap(kAt, 1)
                    .as(2, 2)
                    .write(kAt)
                    .exit()
                    .as(1, 1)
                    .wait(2)
                    .exit()
                    .take();
  trace.rows[0].event = TraceEvent::start;
  for (const auto order : {ReplayOrder::strict, ReplayOrder::tree}) {
    const auto seen = looks(trace, {.order = order, .timeout_s = 20});
    EXPECT_EQ(seen.at(1).arena, 1) << seen.at(1).text;
    EXPECT_EQ(seen.at(2).arena, 1) << seen.at(2).text;
    const auto outcome = played(trace, {.order = order, .timeout_s = 20});
    expect_as_recorded(outcome);
    EXPECT_EQ(outcome.refused, 0u);
  }
}

TEST(Replay, AProcessThatDiesEarlyEndsTheReplay)
{
  Trace trace = TraceBuilder().fork(2, 2).as(2, 2).map(kAt, 1).exit().as(1, 1).exit().take();
  ReplayOptions options = {.timeout_s = 20};
  options.look = [](std::uint32_t process, pid_t pid, std::uint32_t) {
    if (process == 2)
      ::kill(pid, SIGTERM);
  };
  auto replay = prepare(trace, options);
  ASSERT_TRUE(replay);
  const auto outcome = play(*replay);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, Errc::mismatch);
  EXPECT_EQ(outcome.error().context,
            "replay: process 2 ended early, at row 4: signal 15 (Terminated)");
}

TEST(Replay, WhatDoesNotGoOnIsEndedAfterTheTimeout)
{
  Trace trace = TraceBuilder().fork(2, 2).exit().take();
  ReplayOptions options = {.timeout_s = 1};
  options.look = [](std::uint32_t, pid_t pid, std::uint32_t) { ::kill(pid, SIGSTOP); };
  auto replay = prepare(trace, options);
  ASSERT_TRUE(replay);
  const auto outcome = play(*replay);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().context, "replay: no progress for 1 s at row 3");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a process is left";
}

TEST(Replay, AnIdleGapOfTheRecordingIsNoHang)
{
  const Trace trace = TraceBuilder().map(kAt, 1).at_ns(2'500'000'000).unmap(kAt, 1).exit().take();
  auto replay = prepare(trace, {.pace = ReplayPace::recorded, .timeout_s = 1});
  ASSERT_TRUE(replay);
  const auto outcome = play(*replay);
  ASSERT_TRUE(outcome) << to_string(outcome.error());
  EXPECT_EQ(outcome->as_recorded, 2u);
}

TEST(Replay, AFileMappingThatGrowsHasAFileThatIsAsLong)
{
  for (const int type : {MAP_SHARED, MAP_PRIVATE}) {
    const auto outcome =
        played(TraceBuilder()
                   .map(kAt, 1, PROT_READ | PROT_WRITE, static_cast<std::uint64_t>(type), 1, kPage)
                   .write(kAt)
                   .remap(kAt, 1, kAt + 64 * kPage, 256)
                   .write(kAt + 319 * kPage)
                   .remap(kAt + 64 * kPage, 256, kAt + 64 * kPage, 512)
                   .write(kAt + 575 * kPage)
                   .exit()
                   .take());
    expect_as_recorded(outcome);
    EXPECT_EQ(outcome.refused, 0u) << type;
  }
}

TEST(Replay, TouchesThatWereRefusedAreNamedByRow)
{
  const auto outcome = played(TraceBuilder()
                                  .map(kAt, 1, PROT_READ)
                                  .read(kAt)
                                  .write(kAt)
                                  .read(kAt + 8 * kPage)
                                  .exit()
                                  .take());
  EXPECT_EQ(outcome.refused_rows, (std::vector<std::uint32_t>{3, 4}));
}

TEST(Replay, FlagsThatTheKernelRefusedAreRefusedAgain)
{
  auto failed = [](std::uint64_t flags) {
    return TraceRow{.event = TraceEvent::mmap,
                    .length = kPage,
                    .flags = flags,
                    .prot = PROT_READ,
                    .result = -22};
  };
  const auto outcome = played(TraceBuilder()
                                  .row(failed(MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS))
                                  .row(failed(MAP_ANONYMOUS))
                                  .exit()
                                  .take());
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.calls, 2u);
}

TEST(Replay, AFailedCallOfAnyRangeFailsAgain)
{
  const auto outcome = played(TraceBuilder()
                                  .row({.event = TraceEvent::munmap,
                                        .address = ~std::uint64_t{4095},
                                        .length = kPage,
                                        .result = -22})
                                  .row({.event = TraceEvent::mprotect,
                                        .address = 0xffff'8000'0000'0000,
                                        .length = kPage,
                                        .prot = PROT_READ,
                                        .result = -12})
                                  .row({.event = TraceEvent::madvise,
                                        .address = 0xffff'ffff'ff60'0000,
                                        .length = kPage,
                                        .flags = MADV_WILLNEED,
                                        .result = -12})
                                  .row({.event = TraceEvent::mlock,
                                        .address = ~std::uint64_t{4095},
                                        .length = 2 * kPage,
                                        .result = -22})
                                  .row({.event = TraceEvent::mmap,
                                        .length = ~std::uint64_t{4095},
                                        .flags = kTestPrivate,
                                        .prot = PROT_READ,
                                        .result = -12})
                                  .exit()
                                  .take());
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.calls, 5u);
}

TEST(Replay, RecordedPaceTakesAsLong)
{
  const Trace trace = TraceBuilder().map(kAt, 1).at_ns(60'000'000).unmap(kAt, 1).exit().take();
  auto replay = prepare(trace, {.pace = ReplayPace::recorded});
  ASSERT_TRUE(replay);
  struct timespec before = {};
  struct timespec after = {};
  ::clock_gettime(CLOCK_MONOTONIC, &before);
  ASSERT_TRUE(play(*replay));
  ::clock_gettime(CLOCK_MONOTONIC, &after);
  EXPECT_GE((after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec,
            60'000'000);
}

TEST(Replay, AThousandForksOneAfterTheOther)
{
  TraceBuilder builder;
  builder.map(kAt, 4).write(kAt);
  for (std::uint32_t n = 2; n < 1002; ++n)
    builder.as(1, 1).fork(n, n).as(n, n).write(kAt).exit().as(1, 1).wait(n);
  const auto outcome = played(builder.as(1, 1).exit().take());
  expect_as_recorded(outcome);
  EXPECT_EQ(outcome.processes, 1001u);
}

// Processes that map, touch, fork, vfork, make threads, exec, wait and end in any order that a
// kernel allows.
Trace random_tree(std::uint32_t seed)
{
  struct Process {
    std::uint32_t number;
    std::uint32_t parent;
    std::vector<std::uint32_t> threads;
    std::vector<std::uint64_t> pages;
    std::vector<std::uint32_t> zombies;
  };
  std::mt19937 random(seed);
  auto below = [&](std::size_t n) { return random() % n; };
  TraceBuilder builder;
  std::vector<Process> living = {{.number = 1, .parent = 0, .threads = {1}}};
  std::uint32_t processes = 1;
  std::uint32_t threads = 1;
  std::uint64_t place = kAt;
  auto end = [&](std::size_t index) {
    for (Process& other : living)
      if (other.number == living[index].parent)
        other.zombies.push_back(living[index].number);
    living.erase(living.begin() + static_cast<std::ptrdiff_t>(index));
  };
  for (int step = 0; step < 300 && !living.empty(); ++step) {
    const std::size_t index = below(living.size());
    Process& process = living[index];
    const std::size_t slot = below(process.threads.size());
    builder.as(process.number, process.threads[slot]);
    switch (below(12)) {
      case 0:
      case 1:
        builder.map(place, 1);
        process.pages.push_back(place);
        place += 2 * kPage;
        break;
      case 2:
      case 3:
      case 4:
        if (!process.pages.empty())
          builder.write(process.pages[below(process.pages.size())]);
        break;
      case 5:
        builder.thread(++threads);
        process.threads.push_back(threads);
        break;
      case 6:
      case 7: {
        builder.fork(++processes, ++threads);
        Process child = {.number = processes,
                         .parent = process.number,
                         .threads = {threads},
                         .pages = process.pages};
        living.push_back(child);
        break;
      }
      case 8:  // vfork, exec
        builder.fork(++processes, ++threads, 1);
        builder.as(processes, threads).exec();
        living.push_back({.number = processes, .parent = process.number, .threads = {threads}});
        break;
      case 9:
        builder.exec();
        process.threads = {process.threads[slot]};
        process.pages.clear();
        break;
      case 10:
        if (process.threads.size() > 1) {
          builder.exit_thread();
          process.threads.erase(process.threads.begin() + static_cast<std::ptrdiff_t>(slot));
        } else if (!process.zombies.empty()) {
          builder.wait(process.zombies.back());
          process.zombies.pop_back();
        }
        break;
      default:
        if (living.size() > 1) {
          builder.exit();
          end(index);
        }
    }
  }
  return builder.take();
}

TEST(Replay, AnyTreeOfProcessesAndThreadsEndsAsRecorded)
{
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    const Trace trace = random_tree(seed);
    for (const auto order : {ReplayOrder::strict, ReplayOrder::tree}) {
      const auto outcome = played(trace, {.order = order, .copies = 2, .timeout_s = 20});
      expect_as_recorded(outcome);
      EXPECT_EQ(outcome.refused, 0u);
    }
  }
}

}  // namespace
}  // namespace rmaplab
