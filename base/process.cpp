// SPDX-License-Identifier: GPL-2.0-only
#include "base/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "base/guardian.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "base/ticks.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

std::vector<char*> pointers(const std::vector<std::string>& strings)
{
  std::vector<char*> list;
  list.reserve(strings.size() + 1);
  for (const auto& s : strings)
    list.push_back(const_cast<char*>(s.c_str()));
  list.push_back(nullptr);
  return list;
}

[[noreturn]] void child_side(const SpawnOptions& options, char* const* argv, pid_t parent,
                             int error_fd)
{
  int highest = 2;  // the error pipe must not be where a passed descriptor is to go
  for (const auto& [ours, theirs] : options.pass_fds)
    highest = std::max({highest, ours, theirs});
  error_fd = ::fcntl(error_fd, F_DUPFD_CLOEXEC, highest + 1);
  auto fail = [error_fd] {
    const int error = errno;
    if (::write(error_fd, &error, sizeof error) < 0)
      ::_exit(126);
    ::_exit(127);
  };
  if (options.own_group)
    ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent)  // it died before the line above
    ::_exit(127);
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ})
    ::signal(signal_number, SIG_DFL);
  int in = options.stdin_fd;
  if (in < 0)
    in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (in == 0)
    ::fcntl(0, F_SETFD, 0);  // dup2 to itself would leave it close-on-exec
  else if (::dup2(in, 0) < 0)
    fail();
  if (options.stdout_fd >= 0 && ::dup2(options.stdout_fd, 1) < 0)
    fail();
  if (options.stderr_fd >= 0 && ::dup2(options.stderr_fd, 2) < 0)
    fail();
  for (const auto& [ours, theirs] : options.pass_fds) {
    if (ours == theirs)
      ::fcntl(ours, F_SETFD, 0);
    else if (::dup2(ours, theirs) < 0)
      fail();
  }
  if (!options.directory.empty() && ::chdir(options.directory.c_str()) < 0)
    fail();
  if (options.in_child)
    options.in_child();
  ::execvp(argv[0], argv);
  fail();
  ::_exit(127);
}

}  // namespace

Result<Child> Child::spawn(const SpawnOptions& options)
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return os_error("pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);

  const auto argv = pointers(options.argv);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0)
    return os_error("fork for " + options.argv[0]);
  if (pid == 0) {
    for (const auto& variable : options.environment)
      ::putenv(const_cast<char*>(variable.c_str()));
    child_side(options, argv.data(), parent, write_end.get());
  }
  write_end.reset();
  Child child(pid, options.own_group);
  if (options.own_group)
    guard_group(pid);
  int error = 0;
  ssize_t got;
  do {
    got = ::read(read_end.get(), &error, sizeof error);
  } while (got < 0 && errno == EINTR);
  if (got == sizeof error)
    return Error{.code = Errc::os, .context = "run " + options.argv[0], .sys_errno = error};
  return child;
}

Child::~Child()
{
  kill_and_reap();
}

std::optional<int> Child::poll()
{
  if (status_ || pid_ < 0)
    return status_;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_)
    status_ = status;
  return status_;
}

std::optional<int> Child::wait(int timeout_ms)
{
  if (poll())
    return status_;
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  struct pollfd watched = {.fd = fd.get(), .events = POLLIN, .revents = 0};
  while (::poll(&watched, 1, timeout_ms) < 0 && errno == EINTR && !interrupted()) {
  }
  return poll();
}

void Child::kill_and_reap()
{
  if (pid_ < 0)
    return;
  if (own_group_)
    ::kill(-pid_, SIGKILL);  // also what it left behind after its own end
  if (!status_) {
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    status_ = status;
  }
  if (own_group_)
    release_group(pid_);
  pid_ = -1;
}

std::string describe_wait_status(int wait_status)
{
  if (WIFSIGNALED(wait_status))
    return "signal " + std::to_string(WTERMSIG(wait_status)) + " (" +
           ::strsignal(WTERMSIG(wait_status)) + ")";
  return "exit status " + std::to_string(WEXITSTATUS(wait_status));
}

namespace
{

Result<CommandOutput> run(SpawnOptions options, const std::function<Result<>()>& waiting)
{
  int out[2];
  int err[2];
  if (::pipe2(out, O_CLOEXEC) < 0)
    return os_error("pipe");
  UniqueFd out_read(out[0]);
  UniqueFd out_write(out[1]);
  if (::pipe2(err, O_CLOEXEC) < 0)
    return os_error("pipe");
  UniqueFd err_read(err[0]);
  UniqueFd err_write(err[1]);
  options.stdout_fd = out_write.get();
  options.stderr_fd = err_write.get();
  options.own_group = true;
  auto child = Child::spawn(options);
  if (!child)
    return child.error();
  out_write.reset();
  err_write.reset();

  CommandOutput output;
  struct Stream {
    UniqueFd* fd;
    std::string* text;
  };
  const Stream streams[] = {{&out_read, &output.out}, {&err_read, &output.err}};
  while (out_read || err_read) {
    struct pollfd watched[2];
    for (int i = 0; i < 2; ++i)
      watched[i] = {.fd = streams[i].fd->get(), .events = POLLIN, .revents = 0};
    if (::poll(watched, 2, 200) == 0)
      if (const auto go_on = waiting(); !go_on)
        return go_on.error();
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    for (int i = 0; i < 2; ++i) {
      if (!watched[i].revents)
        continue;
      char buffer[4096];
      const ssize_t got = ::read(streams[i].fd->get(), buffer, sizeof buffer);
      if (got > 0)
        streams[i].text->append(buffer, static_cast<std::size_t>(got));
      else if (got == 0 || errno != EINTR)
        streams[i].fd->reset();
    }
  }
  const auto status = child->wait();
  if (!status)
    return Error{.code = Errc::interrupted, .context = "interrupted"};
  output.wait_status = *status;
  return output;
}

}  // namespace

Result<CommandOutput> run_command(SpawnOptions options, const std::function<void()>& waiting)
{
  return run(std::move(options), [&] {
    if (waiting)
      waiting();
    return ok();
  });
}

Result<CommandOutput> ask_program(SpawnOptions options)
{
  constexpr std::uint64_t kLimitNs = 30'000'000'000;
  const std::string name = options.argv[0];
  const std::uint64_t began = monotonic_ns();
  return run(std::move(options), [&]() -> Result<> {
    if (monotonic_ns() - began < kLimitNs)
      return ok();
    return Error{.code = Errc::unsupported, .context = name + " does not answer within 30 s"};
  });
}

void fill_standard_descriptors()
{
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_RDONLY);
  } while (fd >= 0 && fd <= 2);
  if (fd > 2)
    ::close(fd);
}

std::optional<std::string> find_program(const std::string& name)
{
  auto runnable = [](const std::string& path) {
    struct stat about = {};
    return ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos)
    return runnable(name) ? std::optional(name) : std::nullopt;
  const char* path = std::getenv("PATH");
  for (const auto folder : split(path ? path : "/usr/bin:/bin", ':')) {
    std::string candidate = std::string(folder) + "/" + name;
    if (runnable(candidate))
      return candidate;
  }
  return std::nullopt;
}

}  // namespace rmaplab
