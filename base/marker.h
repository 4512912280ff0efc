// SPDX-License-Identifier: GPL-2.0-only
// Markers: instructions that do nothing, by which a guest of the exact lab tells a plugin of
// its QEMU what is measured, and when (docs/functions.md). They are executed whether or not a
// plugin looks on, so that a guest runs alike with and without one.
//
// x86: nopl 0x5aa5CCCC(%rax), CCCC the code: a nop of seven bytes whose operand no compiler
// writes. arm64: hint 64 + code, of the unallocated hints, which are nops. The plugin has the
// same numbers (lab/function_plugin.c).
#pragma once

#include <cstdint>
#include <utility>

namespace rmaplab
{

enum class Marker : unsigned {
  begin = 1,       // of an operation that counts
  end = 2,         // of it
  plan_case = 3,   // the four digits that follow are the number of a case in its plan
  repetition = 4,  // the case's next (or first) repetition
  digit_0 = 16,    // to 31: one hexadecimal digit each
};

template <Marker marker>
inline void execute_marker()
{
  constexpr auto kCode = static_cast<unsigned>(marker);
#if defined(__x86_64__)
  asm volatile("nopl %c0(%%rax)" ::"i"(0x5aa50000u + kCode));
#elif defined(__aarch64__)
  asm volatile("hint %0" ::"i"(64 + kCode));
#endif
}

// instruction_count() (base/ticks.h) right after a marker. Both readings of a pair are taken in
// this way, so there are as many instructions from marker to marker as the clock counts from
// reading to reading.
template <Marker marker>
inline std::uint64_t instruction_count_after()
{
  constexpr auto kCode = static_cast<unsigned>(marker);
#if defined(__x86_64__)
  std::uint64_t low;
  std::uint64_t high;
  asm volatile("nopl %c2(%%rax)\n\trdtsc" : "=a"(low), "=d"(high) : "i"(0x5aa50000u + kCode));
  return high << 32 | low;
#elif defined(__aarch64__)
  std::uint64_t ticks;
  std::uint64_t frequency;
  asm volatile("hint %2\n\tisb\n\tmrs %0, cntvct_el0\n\tmrs %1, cntfrq_el0"
               : "=r"(ticks), "=r"(frequency)
               : "i"(64 + kCode));
  return ticks * (1'000'000'000u / frequency);
#endif
}

// The code of a marker is part of its instruction: all sixteen digits are written out, and the
// one that is asked for executed.
template <unsigned... digits>
inline void execute_digit(unsigned wanted, std::integer_sequence<unsigned, digits...>)
{
  constexpr auto kZero = static_cast<unsigned>(Marker::digit_0);
  ((wanted == digits ? execute_marker<static_cast<Marker>(kZero + digits)>() : void()), ...);
}

// By the coordinator, before each case of a plan and, with their number, after the last.
inline void announce_case(unsigned number)
{
  execute_marker<Marker::plan_case>();
  for (int shift = 12; shift >= 0; shift -= 4)
    execute_digit(number >> shift & 15, std::make_integer_sequence<unsigned, 16>());
}

}  // namespace rmaplab
