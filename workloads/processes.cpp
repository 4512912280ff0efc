// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/processes.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <new>

#include "base/ticks.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kPatienceNs = 30'000'000'000u;

Pinning g_pinning = Pinning::none;
cpu_set_t g_allowed;  // of the first process when pinning was set

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

int reap(pid_t pid)
{
  int status = 0;
  while (::syscall(SYS_wait4, pid, &status, 0, nullptr) < 0)
    if (errno != EINTR)
      return 255;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

void set_pinning(Pinning pinning)
{
  g_pinning = pinning;
  ::sched_getaffinity(0, sizeof g_allowed, &g_allowed);
  pin_worker(0);
}

void pin_worker(std::size_t i)
{
  const auto allowed = static_cast<std::size_t>(CPU_COUNT(&g_allowed));
  if (g_pinning == Pinning::none || allowed == 0)
    return;
  std::size_t left = g_pinning == Pinning::one ? 0 : i % allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &g_allowed) && left-- == 0) {
      cpu_set_t only;
      CPU_ZERO(&only);
      CPU_SET(cpu, &only);
      ::sched_setaffinity(0, sizeof only, &only);
      return;
    }
}

Result<> run_in_child(const std::function<Result<>()>& work)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return os_error("pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = sys_fork();
  if (pid == 0) {
    const auto result = work();
    if (result)
      sys_exit(0);
    const std::string text = to_string(result.error());
    const bool told = ::write(write_end.get(), text.data(), text.size()) >= 0;
    sys_exit(told ? 1 + static_cast<int>(result.error().code) : 255);
  }
  if (pid < 0)
    return os_error("fork");
  write_end.reset();
  // Not until the pipe ends: what the child leaves behind holds its other end.
  const int status = reap(pid);
  ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
  std::string text;
  char piece[512];
  for (ssize_t got = 0; (got = ::read(read_end.get(), piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(got));
  if (status == 0)
    return ok();
  if (status == 255 || text.empty())
    return Error{.code = Errc::mismatch, .context = "a child of the workload was killed"};
  return Error{.code = Errc{status - 1}, .context = "child: " + text};
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
