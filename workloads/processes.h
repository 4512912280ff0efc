// SPDX-License-Identifier: GPL-2.0-only
// fork, exit, wait and a meeting point for workloads: bare syscalls, because libc's
// fork runs handlers and takes locks that are not what we measure.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "base/result.h"

namespace rmaplab
{

// clone(SIGCHLD): 0 in the child, -1 with errno set on failure. The child may only
// use bare syscalls and memory that it has.
pid_t sys_fork();
[[noreturn]] void sys_exit(int status);
// Reaps a child (-1: any); the exit status, 255 when a signal killed it.
int reap(pid_t pid);

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
