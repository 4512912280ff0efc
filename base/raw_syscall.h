// SPDX-License-Identifier: GPL-2.0-only
// A system call without libc, in line where it is made. A forked child that does nothing but
// exit then runs one function of ours: going through libc it faulted in that library's text,
// our procedure linkage table and each function called, in windows of 16 pages whose number
// depended on how the linker had laid them out.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace rmaplab
{

// The kernel's own answer: a negative errno on failure.
inline __attribute__((always_inline)) long raw_syscall(long number, long a = 0, long b = 0,
                                                       long c = 0, long d = 0, long e = 0)
{
#if defined(__x86_64__)
  long result = 0;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
  return x0;
#else
  const long result = ::syscall(number, a, b, c, d, e);
  return result < 0 ? -errno : result;
#endif
}

}  // namespace rmaplab
