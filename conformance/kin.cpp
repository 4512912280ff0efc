// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/kin.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <ctime>

#include "conformance/check.h"
#include "conformance/looks.h"
#include "workloads/processes.h"

namespace rmaplab
{

namespace
{

std::pair<UniqueFd, UniqueFd> make_pipe()
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    throw Verdict{os_error("pipe")};
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

pid_t fork_or_throw()
{
  const pid_t pid = ::fork();
  if (pid < 0)
    throw Verdict{os_error("fork")};
  return pid;
}

// How a descendant tells how its part ended: one byte for the code, then the context.
class Report
{
 public:
  Report()
  {
    auto ends = make_pipe();
    read_ = std::move(ends.first);
    write_ = std::move(ends.second);
  }
  // In a descendant, for good.
  [[noreturn]] void run(const std::function<void()>& body)
  {
    const auto outcome = outcome_of([&] {
      look_at_parent_too();
      look_after("fork, in the child");
      body();
      look_now("all that the child did");
    });
    std::string text(1, outcome ? 'k' : outcome.error().code == Errc::unsupported ? 's' : 'n');
    if (!outcome)
      text += to_string(outcome.error());
    static_cast<void>(::write(write_.get(), text.data(), text.size()) < 0);
    sys_exit(0);
  }
  // In the ancestor: waits until every descendant that could write has ended.
  Result<> take()
  {
    write_.reset();
    std::string text;
    char buffer[512];
    for (ssize_t n; (n = ::read(read_.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<std::size_t>(n));
    if (text.empty())
      return Error{.code = Errc::mismatch, .context = "a child was killed"};
    if (text[0] == 'k')
      return ok();
    return Error{.code = text[0] == 's' ? Errc::unsupported : Errc::mismatch,
                 .context = text.substr(1)};
  }

 private:
  UniqueFd read_;
  UniqueFd write_;
};

// Until the parent has ended; by then its memory is gone (do_exit(): exit_mm() comes first).
void wait_orphaned(pid_t parent)
{
  const struct timespec pause = {.tv_sec = 0, .tv_nsec = 200'000};
  while (::getppid() == parent)
    ::nanosleep(&pause, nullptr);
}

}  // namespace

const char* to_string(Kin kin)
{
  switch (kin) {
    case Kin::alone:
      return "alone";
    case Kin::parent:
      return "parent";
    case Kin::after_exit:
      return "after_exit";
    case Kin::after_exec:
      return "after_exec";
    case Kin::child:
      return "child";
    case Kin::grandchild:
      return "grandchild";
    case Kin::orphan:
      return "orphan";
    case Kin::reuse:
      return "reuse";
  }
  return "";
}

bool is_fork_child(Kin kin)
{
  return kin == Kin::child || kin == Kin::grandchild || kin == Kin::orphan || kin == Kin::reuse;
}

Result<> outcome_of(const std::function<void()>& body)
{
  try {
    body();
  } catch (const Verdict& verdict) {
    return verdict.error;
  }
  return ok();
}

Result<> in_child(const std::function<void()>& body)
{
  Report report;
  const pid_t pid = fork_or_throw();
  if (pid == 0)
    report.run(body);
  auto outcome = report.take();
  reap(pid);
  if (outcome)
    look_after("the end of a child");
  return outcome;
}

Result<> in_orphan(const std::function<void()>& body, const std::function<void()>& before)
{
  Report report;
  const pid_t middle = fork_or_throw();
  if (middle == 0) {
    const pid_t parent = ::getpid();
    if (const auto outcome = outcome_of(before); !outcome)
      report.run([&] { throw Verdict{outcome.error()}; });
    const pid_t orphan = ::fork();
    if (orphan == 0) {
      wait_orphaned(parent);
      report.run(body);
    }
    sys_exit(orphan < 0);
  }
  reap(middle);
  return report.take();
}

LiveChild::LiveChild(Program program)
{
  auto hold = make_pipe();
  auto started = make_pipe();
  pid_ = fork_or_throw();
  if (pid_ == 0) {
    hold.second.reset();
    char byte = 0;
    if (program == Program::other) {
      ::dup2(hold.first.get(), 0);
      ::execl("/proc/self/exe", "rmaplab-runner", "hold", nullptr);
      sys_exit(1);
    }
    started.second.reset();
    while (::read(hold.first.get(), &byte, 1) > 0) {
    }
    sys_exit(0);
  }
  hold_ = std::move(hold.second);
  // Its end closes at exec (after the old memory is gone: begin_new_exec()) or just above.
  started.second.reset();
  char byte = 0;
  static_cast<void>(::read(started.first.get(), &byte, 1) < 0);
}

LiveChild::~LiveChild()
{
  hold_.reset();
  reap(pid_);
}

void in_kin(Kin kin, const std::function<void()>& before, const std::function<void()>& act)
{
  before();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // orphans end with us
  switch (kin) {
    case Kin::alone:
      return act();
    case Kin::parent: {
      const LiveChild child;
      return act();
    }
    case Kin::after_exit:
      must(in_child([] {}));
      return act();
    case Kin::after_exec: {
      const LiveChild child(LiveChild::Program::other);
      return act();
    }
    case Kin::child:
      must(in_child(act));
      return;
    case Kin::grandchild:
      must(in_child([&] { must(in_child(act)); }));
      return;
    case Kin::orphan:
      must(in_orphan(act));
      return;
    case Kin::reuse:
      must(in_orphan([&] { must(in_child(act)); }));
      return;
  }
}

}  // namespace rmaplab
