// SPDX-License-Identifier: GPL-2.0-only
// Makes the host of a guest unsteady, for tests: loaded into QEMU (LD_PRELOAD) it delays its threads
// at random where they meet or ask for the time, and gives the host's clock leaps. A guest of the
// exact lab must not notice. JITTER_SEED chooses which delays; when the clock was asked a thousand
// times, a line is added to the file JITTER_LOG.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static uint64_t seed = 1;
static __thread uint64_t state;

__attribute__((constructor)) static void begin(void)
{
  const char* text = getenv("JITTER_SEED");
  if (text)
    seed = strtoull(text, NULL, 10);
}

// xorshift64, a sequence a thread.
static uint64_t next_random(void)
{
  if (!state)
    state = (seed * 0x9E3779B97F4A7C15u ^ (uint64_t)gettid() * 0xD1B54A32D192ED03u) | 1;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

// Once in `one_in` up to 4 ms; else the CPU is given away at times.
static void delay(unsigned one_in)
{
  if (next_random() % one_in == 0) {
    const struct timespec time = {.tv_nsec = (long)(next_random() % 4000000)};
    syscall(SYS_nanosleep, &time, NULL);
  } else if (next_random() % 16 == 0) {
    sched_yield();
  }
}

static void tell(void)
{
  const char* name = getenv("JITTER_LOG");
  const int file = name ? open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  if (file >= 0 && write(file, "jitter\n", 7) != 7)
    abort();
  if (file >= 0)
    close(file);
}

#define NEXT(name)                                \
  static __typeof__(&name) next;                  \
  if (!next)                                      \
  next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int pthread_mutex_lock(pthread_mutex_t* mutex)
{
  NEXT(pthread_mutex_lock);
  delay(800);
  return next(mutex);
}

int pthread_mutex_unlock(pthread_mutex_t* mutex)
{
  NEXT(pthread_mutex_unlock);
  const int result = next(mutex);
  delay(800);
  return result;
}

int ppoll(struct pollfd* files, nfds_t count, const struct timespec* timeout, const sigset_t* mask)
{
  NEXT(ppoll);
  delay(200);
  const int result = next(files, count, timeout, mask);
  delay(200);
  return result;
}

// QEMU sizes its TLB by this clock (accel/tcg/cputlb.c, tlb_mmu_resize_locked()): leaps of 0 to
// 2 ms a call, where a window of its is 100 ms.
int gettimeofday(struct timeval* restrict now, void* restrict zone)
{
  (void)zone;
  static atomic_ullong leaps_us;
  static atomic_uint calls;
  if (atomic_fetch_add(&calls, 1) == 1000)
    tell();
  delay(200);
  const uint64_t leap = atomic_fetch_add(&leaps_us, next_random() % 2000);
  struct timespec time;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &time);
  const uint64_t us = (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u + leap;
  now->tv_sec = (time_t)(us / 1000000u);
  now->tv_usec = (suseconds_t)(us % 1000000u);
  return 0;
}
