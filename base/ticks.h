// SPDX-License-Identifier: GPL-2.0-only
// The two clocks an operation is measured with.
#pragma once

#include <time.h>

#include <cstdint>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace rmaplab
{

// CLOCK_MONOTONIC, ns.
inline std::uint64_t monotonic_ns()
{
  struct timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// Instructions retired by the guest since it was reset. Only meaningful under
// QEMU -icount shift=0, where one instruction takes one virtual nanosecond and
// the cycle counter runs at 1 GHz (QEMU, docs/devel/tcg-icount.rst). An idle
// guest's time counts too: check for idling. arm64: the system counter, exact where
// CNTFRQ_EL0 says 1 GHz, else to its resolution (16 at QEMU's default of 62.5 MHz).
inline std::uint64_t instruction_count()
{
#if defined(__x86_64__)
  return __rdtsc();
#elif defined(__aarch64__)
  std::uint64_t ticks;
  std::uint64_t frequency;
  asm volatile("isb\n\tmrs %0, cntvct_el0\n\tmrs %1, cntfrq_el0" : "=r"(ticks), "=r"(frequency));
  return ticks * (1'000'000'000u / frequency);
#else
#error "rmaplab has no instruction clock for this architecture"
#endif
}

// Returns right after the kernel's next timer tick: spins until the coarse clock,
// which only a tick moves on, has changed. At most some 50 ms: a kernel without a
// tick is not waited for.
inline void wait_for_tick()
{
  const std::uint64_t begin = monotonic_ns();
  struct timespec first;
  struct timespec now;
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &first);
  do {
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  } while (now.tv_nsec == first.tv_nsec && now.tv_sec == first.tv_sec &&
           monotonic_ns() - begin < 50'000'000);
}

// How many instructions the clock sees for 1000 that were executed. In the exact
// lab that is 1000 and a few; anywhere else it is some other figure. The least of some
// tries: an interrupt falls into one of them at times (5886 in a guest of arm64).
inline std::uint64_t ticks_of_1000_instructions()
{
  std::uint64_t least = UINT64_MAX;
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t before = instruction_count();
    asm volatile(".rept 1000\n\tnop\n\t.endr");
    const std::uint64_t ticks = instruction_count() - before;
    least = ticks < least ? ticks : least;
  }
  return least;
}

}  // namespace rmaplab
