// SPDX-License-Identifier: GPL-2.0-only
// What playing a trace costs beside a hand-written loop of the same calls and touches. Run it in
// the exact lab, where the counter counts instructions:
//   rmaplab lab run debian:7.2 -- build/release/rmaplab-bench-replay-cost [CALLS]
// Prints for each mix instructions a call of both, and how many per cent more the replay took,
// its processes' start and end included; reading and compiling the trace is not. Linked
// statically, so that the loop's process has few VMAs of its own, as the player has. On a host
// the figures are nanoseconds, and noise.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "base/text.h"
#include "base/ticks.h"
#include "replay/program.h"
#include "replay/replay.h"
#include "replay/validate.h"

using namespace rmaplab;

namespace
{

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kBytes = 16 * kPage;
constexpr std::uint64_t kPlaces = 256;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;

struct Mix {
  const char* name;
  bool maps;      // mmap, mprotect of a part, munmap
  bool touches;   // and a write between
  bool remaps;    // and a move
  bool protects;  // else: mprotect there and back, of one mapping
};
constexpr Mix kMixes[] = {
    {"mmap, write, mprotect, munmap", true, true, false, false},
    {"mmap, write, mremap, munmap", true, true, true, false},
    {"mmap, mprotect, munmap", true, false, false, false},
    {"mprotect of a part, there and back", false, false, false, true},
};

std::uint64_t now(bool exact)
{
  return exact ? instruction_count() : monotonic_ns();
}

// The calls of one turn, in the order of their results in the trace.
int calls_of(const Mix& mix)
{
  return mix.maps ? 3 : 2;
}

bool turn(const Mix& mix, std::uint64_t at, std::uint64_t to)
{
  bool good = true;
  if (mix.maps) {
    good = ::syscall(SYS_mmap, at, kBytes, PROT_READ | PROT_WRITE, kPrivate, -1, 0) ==
           static_cast<long>(at);
    if (mix.touches)
      *reinterpret_cast<volatile char*>(at) = 1;
    if (mix.remaps)
      good = good && ::syscall(SYS_mremap, at, kBytes, kBytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) ==
                         static_cast<long>(to);
    else
      good = good && ::syscall(SYS_mprotect, at, kPage, PROT_READ) == 0;
    return ::syscall(SYS_munmap, mix.remaps ? to : at, kBytes) == 0 && good;
  }
  good = ::syscall(SYS_mprotect, at + kPage, kPage, PROT_READ) == 0;
  return ::syscall(SYS_mprotect, at + kPage, kPage, PROT_READ | PROT_WRITE) == 0 && good;
}

std::uint64_t place(std::uint64_t i)
{
  return kReplayArenaBegin + (i % kPlaces) * 4 * kBytes;
}

Trace trace_of(const Mix& mix, std::uint64_t turns)
{
  Trace trace{.header = {.kernel = "", .machine = "", .command = "", .page_size = kPage}};
  auto add = [&trace](TraceRow row) {
    row.process = row.thread = 1;
    trace.rows.push_back(row);
  };
  auto map = [&](std::uint64_t at) {
    add({.event = TraceEvent::mmap,
         .address = at,
         .length = kBytes,
         .flags = kPrivate,
         .prot = PROT_READ | PROT_WRITE,
         .result = static_cast<std::int64_t>(at)});
  };
  auto protect = [&](std::uint64_t at, std::uint32_t prot) {
    add({.event = TraceEvent::mprotect, .address = at, .length = kPage, .prot = prot});
  };
  add({.event = TraceEvent::exec});
  if (mix.protects)
    map(place(0));
  for (std::uint64_t i = 0; i < turns; ++i) {
    const std::uint64_t at = mix.protects ? place(0) : place(i);
    const std::uint64_t to = at + kBytes;
    if (!mix.maps) {
      protect(at + kPage, PROT_READ);
      protect(at + kPage, PROT_READ | PROT_WRITE);
      continue;
    }
    map(at);
    if (mix.touches)
      add({.event = TraceEvent::write, .address = at});
    if (mix.remaps)
      add({.event = TraceEvent::mremap,
           .address = at,
           .length = kBytes,
           .new_address = to,
           .new_length = kBytes,
           .flags = MREMAP_MAYMOVE | MREMAP_FIXED,
           .result = static_cast<std::int64_t>(to)});
    else
      protect(at, PROT_READ);
    add({.event = TraceEvent::munmap, .address = mix.remaps ? to : at, .length = kBytes});
  }
  add({.event = TraceEvent::exit});
  return trace;
}

Result<double> loop_cost(const Mix& mix, std::uint64_t turns, bool exact)
{
  if (mix.protects)
    ::syscall(SYS_mmap, place(0), kBytes, PROT_READ | PROT_WRITE, kPrivate, -1, 0);
  const std::uint64_t begin = now(exact);
  for (std::uint64_t i = 0; i < turns; ++i) {
    const std::uint64_t at = mix.protects ? place(0) : place(i);
    if (!turn(mix, at, at + kBytes))
      return os_error(fmt::format("the loop of \"{}\"", mix.name));
  }
  const std::uint64_t ticks = now(exact) - begin;
  if (mix.protects)
    ::syscall(SYS_munmap, place(0), kBytes);
  return static_cast<double>(ticks);
}

Result<double> replay_cost(const Mix& mix, std::uint64_t turns, bool exact)
{
  const Trace trace = trace_of(mix, turns);
  if (const auto valid = validate_trace("trace", trace); !valid)
    return valid.error();
  auto replay = prepare(trace, {});
  if (!replay)
    return replay.error();
  const std::uint64_t begin = now(exact);
  const auto outcome = play(*replay);
  const std::uint64_t ticks = now(exact) - begin;
  if (!outcome)
    return outcome.error();
  if (outcome->as_recorded != outcome->calls || outcome->refused)
    return Error{.code = Errc::mismatch, .context = "the replay is not what was recorded"};
  return static_cast<double>(ticks);
}

}  // namespace

int main(int argc, char** argv)
{
  const auto asked = argc > 1 ? parse_u64(argv[1]) : std::optional<std::uint64_t>(1'000'000);
  if (!asked || *asked < 6 || argc > 2) {
    std::fputs("usage: rmaplab-bench-replay-cost [CALLS]\n", stderr);
    return 2;
  }
  const std::uint64_t ticks = ticks_of_1000_instructions();
  const bool exact = ticks >= 1000 && ticks <= 1100;
  fmt::print(
      "{} calls, {}\n{:<36} {:>10} {:>10} {:>8}\n", *asked,
      exact ? "instructions a call" : "nanoseconds a call: this is no guest of the exact lab", "",
      "loop", "replay", "more");
  for (const Mix& mix : kMixes) {
    const std::uint64_t turns = *asked / static_cast<std::uint64_t>(calls_of(mix));
    const auto calls = static_cast<double>(turns * static_cast<std::uint64_t>(calls_of(mix)));
    const auto loop = loop_cost(mix, turns, exact);
    const auto replay = loop ? replay_cost(mix, turns, exact) : loop;
    if (!replay) {
      fmt::print(stderr, "rmaplab-bench-replay-cost: {}\n", to_string(replay.error()));
      return 1;
    }
    fmt::print("{:<36} {:>10.0f} {:>10.0f} {:>+7.2f}%\n", mix.name, *loop / calls, *replay / calls,
               100 * (*replay / *loop - 1));
    std::fflush(stdout);
  }
  return 0;
}
