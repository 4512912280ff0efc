// SPDX-License-Identifier: GPL-2.0-only
// fork, exit, wait and a meeting point for workloads: bare syscalls, because libc's
// fork runs handlers and takes locks that are not what we measure.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <functional>

#include "base/raw_syscall.h"
#include "base/result.h"

namespace rmaplab
{

// clone(SIGCHLD): 0 in the child, -1 with errno set on failure. The child may only
// use bare syscalls and memory that it has.
inline __attribute__((always_inline)) pid_t sys_fork()
{
  const long pid = raw_syscall(SYS_clone, SIGCHLD);
  if (pid < 0) {
    errno = static_cast<int>(-pid);
    return -1;
  }
  return static_cast<pid_t>(pid);
}
[[noreturn]] inline __attribute__((always_inline)) void sys_exit(int status)
{
  for (;;)
    raw_syscall(SYS_exit_group, status);
}
// Reaps a child (-1: any); the exit status, 255 when a signal killed it.
int reap(pid_t pid);

// Runs `work` in a child and gives back its result; a child that a signal killed is
// Errc::mismatch. For oracles, outside of what is timed: it allocates.
Result<> run_in_child(const std::function<Result<>()>& work);

// Where the processes and threads of workloads run (option --pin). Set once, before the
// workload.
enum class Pinning {
  none,    // where the scheduler puts them
  one,     // all on the first CPU that the first process may use
  spread,  // worker i on the i-th of those CPUs, and round again
};
void set_pinning(Pinning pinning);
// Called by worker `i` of a workload, a process or a thread, for itself; the first process
// is worker 0.
void pin_worker(std::size_t i);

// A place in shared memory where children report and wait to be let go. It is a
// shared mapping outside the arena, so it has no part in the anonymous rmap. Waits
// give up after 30 s: a process that lost its family never stays behind.
class Meeting
{
 public:
  static constexpr int kMostProcesses = 512;

  static Result<Meeting> create();
  Meeting(Meeting&& other) noexcept : shared_(other.shared_) { other.shared_ = nullptr; }
  Meeting& operator=(Meeting&&) = delete;
  ~Meeting();

  // Child: counts itself in and waits for release(). False after 30 s.
  bool arrive_and_wait();
  // Parent: waits until `count` have arrived. False after 30 s.
  bool await_arrivals(int count) const;
  pid_t arrived_pid(int i) const;
  void release();
  // Turns: wait_turn(n) returns once set_turn(n) or a higher one was called.
  void set_turn(std::uint32_t turn);
  bool wait_turn(std::uint32_t turn) const;
  // For the next round; nobody may be waiting.
  void reset();

 private:
  struct Shared {
    std::atomic<std::uint32_t> places;
    std::atomic<std::uint32_t> arrived;
    std::atomic<std::uint32_t> released;
    std::atomic<std::uint32_t> turn;
    pid_t pids[kMostProcesses];
  };
  explicit Meeting(Shared* shared) : shared_(shared) {}
  Shared* shared_;
};

}  // namespace rmaplab
