// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/processes.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <new>

#include "base/ticks.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kPatienceNs = 30'000'000'000u;

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t seen)
{
  const struct timespec patience = {.tv_sec = 1, .tv_nsec = 0};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, seen, &patience, nullptr, 0);
}

void futex_wake_all(const std::atomic<std::uint32_t>& word)
{
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

bool wait_for_at_least(const std::atomic<std::uint32_t>& word, std::uint32_t wanted)
{
  std::uint32_t seen = word.load();
  if (seen >= wanted)
    return true;
  const std::uint64_t begin = monotonic_ns();
  do {
    futex_wait(word, seen);
    seen = word.load();
    if (seen >= wanted)
      return true;
  } while (monotonic_ns() - begin < kPatienceNs);
  return false;
}

}  // namespace

pid_t sys_fork()
{
  return static_cast<pid_t>(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

void sys_exit(int status)
{
  for (;;)
    ::syscall(SYS_exit_group, status);
}

int reap(pid_t pid)
{
  int status = 0;
  while (::syscall(SYS_wait4, pid, &status, 0, nullptr) < 0)
    if (errno != EINTR)
      return 255;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

Result<Meeting> Meeting::create()
{
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return os_error("mmap a shared page");
  return Meeting(new (memory) Shared{});
}

Meeting::~Meeting()
{
  if (shared_)
    ::munmap(shared_, sizeof(Shared));
}

bool Meeting::arrive_and_wait()
{
  const std::uint32_t place = shared_->places.fetch_add(1);
  if (place < kMostProcesses)
    shared_->pids[place] = static_cast<pid_t>(::syscall(SYS_getpid));
  shared_->arrived.fetch_add(1);  // after the pid is there to be read
  futex_wake_all(shared_->arrived);
  return wait_for_at_least(shared_->released, 1);
}

bool Meeting::await_arrivals(int count) const
{
  return wait_for_at_least(shared_->arrived, static_cast<std::uint32_t>(count));
}

pid_t Meeting::arrived_pid(int i) const
{
  return shared_->pids[i];
}

void Meeting::release()
{
  shared_->released = 1;
  futex_wake_all(shared_->released);
}

void Meeting::set_turn(std::uint32_t turn)
{
  shared_->turn = turn;
  futex_wake_all(shared_->turn);
}

bool Meeting::wait_turn(std::uint32_t turn) const
{
  return wait_for_at_least(shared_->turn, turn);
}

void Meeting::reset()
{
  shared_->places = 0;
  shared_->arrived = 0;
  shared_->released = 0;
  shared_->turn = 0;
}

}  // namespace rmaplab
