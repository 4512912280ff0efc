// SPDX-License-Identifier: GPL-2.0-only
// For tests: a forked copy of this process that does some work and then stays until its
// owner goes. base/process.h's Child executes a program; what is probed here is the copy.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace rmaplab
{

class ForkedChild
{
 public:
  // Returns once work(), a function that returns bool, has come to its end in the child.
  template <typename Work>
  explicit ForkedChild(const Work& work)
  {
    int ends[2];
    if (::pipe(ends) < 0)
      return;
    const UniqueFd from_child(ends[0]);
    UniqueFd to_parent(ends[1]);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent)
        ::_exit(1);
      const char good = work() ? 1 : 0;
      if (::write(to_parent.get(), &good, 1) == 1)
        ::pause();
      ::_exit(1);
    }
    to_parent.reset();  // or a child that crashed would leave us waiting
    char good = 0;
    good_ = ::read(from_child.get(), &good, 1) == 1 && good == 1;
  }
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;
  ~ForkedChild() { end(); }
  pid_t pid() const { return pid_; }
  bool good() const { return good_; }
  void end()
  {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_ = -1;
  bool good_ = false;
};

}  // namespace rmaplab
