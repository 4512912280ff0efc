// SPDX-License-Identifier: GPL-2.0-only
#include "session/leftovers.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <set>

#include "probes/process_tree.h"

namespace rmaplab
{

namespace
{

// Reading all of /proc after each case would cost more than many a case.
bool has_children()
{
  siginfo_t info = {};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// False after a second: it sleeps where no signal reaches it.
bool kill_and_reap(pid_t pid)
{
  ::kill(pid, SIGKILL);
  constexpr struct timespec kPause = {.tv_sec = 0, .tv_nsec = 5'000'000};
  for (int i = 0; i < 200; ++i) {
    if (::waitpid(pid, nullptr, WNOHANG) != 0)
      return true;
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

}  // namespace

void adopt_orphans()
{
  // Not where it changes nothing: an exact guest's processes would differ by the flag.
  if (::getpid() != 1)
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

std::vector<std::string> end_leftovers(pid_t ours)
{
  std::vector<std::string> ended;
  std::set<pid_t> seen = {ours};
  // Anew after each round: the children of one that is killed come to us.
  for (bool more = has_children(); more;) {
    more = false;
    const auto processes = read_processes("/proc");
    if (!processes)
      break;
    for (const ProcessStat& process : *processes) {
      if (process.ppid != ::getpid() || !seen.insert(process.pid).second)
        continue;
      more = true;
      const char* const how = kill_and_reap(process.pid) ? "" : ", which cannot be killed";
      ended.push_back(fmt::format("process {} ({}){}{}", process.pid, process.comm,
                                  process.state == 'Z' ? ", ended and not reaped" : "", how));
    }
  }
  return ended;
}

}  // namespace rmaplab
