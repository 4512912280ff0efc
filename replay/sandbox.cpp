// SPDX-License-Identifier: GPL-2.0-only
#include "replay/sandbox.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif
#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67
#endif

namespace rmaplab
{

namespace
{

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "no filter for this architecture"
#endif

// Low half of argument n: both architectures are little-endian. Flags and options that matter
// are in it; clone's are an unsigned long of which the kernel takes the low half.
constexpr std::uint32_t argument(int n)
{
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + static_cast<std::size_t>(n) * 8);
}

constexpr std::uint32_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS |
                                         CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

constexpr sock_filter kAllow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
constexpr sock_filter kKill = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
constexpr sock_filter load(std::uint32_t offset)
{
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset);
}
// Equal: the next instruction; else `skip` of them are jumped over.
constexpr sock_filter unless(std::uint32_t value, std::uint8_t skip)
{
  return BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skip);
}

// Calls that are allowed whatever their arguments: the kernel keeps those in a bitmap and does
// not run the filter for them (Linux commit 8e01b51a31a1, "seccomp/cache: Add "emulator" to
// check if filter is constant allow", in v5.11).
constexpr sock_filter kFilter[] = {
    load(offsetof(seccomp_data, arch)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
    kKill,
    load(offsetof(seccomp_data, nr)),
#define ALLOW(name) unless(SYS_##name, 1), kAllow
    ALLOW(mmap),
    ALLOW(munmap),
    ALLOW(mremap),
    ALLOW(mprotect),
    ALLOW(mlock),
    ALLOW(mlock2),
    ALLOW(munlock),
    ALLOW(mlockall),
    ALLOW(munlockall),
    ALLOW(futex),
    ALLOW(execveat),
    ALLOW(exit),
    ALLOW(exit_group),
    ALLOW(getppid),
    ALLOW(clock_nanosleep),
    ALLOW(restart_syscall),
    ALLOW(rt_sigaction),
    ALLOW(rt_sigreturn),
#undef ALLOW
    unless(SYS_madvise, 5),
    load(argument(2)),
    // MADV_HWPOISON and MADV_SOFT_OFFLINE are the machine's, not the process's.
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_HWPOISON, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MADV_HWPOISON + 1, 0, 1),
    kKill,
    kAllow,
    unless(SYS_clone, 4),
    load(argument(0)),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, kNewNamespaces, 0, 1),
    kKill,
    kAllow,
    unless(SYS_prctl, 9),
    load(argument(0)),
    unless(PR_SET_VMA, 1),
    kAllow,
    unless(PR_SET_THP_DISABLE, 1),
    kAllow,
    unless(PR_SET_MEMORY_MERGE, 1),
    kAllow,
    unless(PR_SET_PDEATHSIG, 1),
    kAllow,
    kKill,
};

}  // namespace

int enter_sandbox()
{
  const sock_fprog program = {.len = sizeof kFilter / sizeof kFilter[0],
                              .filter = const_cast<sock_filter*>(kFilter)};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return errno;
  if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
    return errno;
  return 0;
}

}  // namespace rmaplab
