// SPDX-License-Identifier: GPL-2.0-only
#include "base/guardian.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>

#include "base/text.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

int g_socket = -1;
pid_t g_owner = -1;  // who started it: what that forks does not speak for it

// A word a packet: "+g123", "-f/tmp/rmaplab-boot-x1y2z3"; "q" when all is well.
constexpr std::size_t kMostBytes = 4200;

void tell(char sign, char kind, std::string_view what)
{
  if (g_socket < 0 || g_owner != ::getpid())
    return;
  const std::string word = std::string{sign, kind} + std::string(what);
  while (::send(g_socket, word.data(), word.size(), MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

// Until none of the group is there any more, for ten seconds at most: one may sleep where no
// signal reaches it.
void end_group(pid_t group)
{
  for (int i = 0; i < 1000 && ::kill(-group, SIGKILL) == 0; ++i)
    ::usleep(10'000);
}

// False when it was killed.
bool listen_until_its_end(int socket, std::set<pid_t>& groups, std::set<std::string>& folders)
{
  std::string word(kMostBytes, '\0');
  for (;;) {
    const ssize_t got = ::recv(socket, word.data(), word.size(), 0);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    const std::string_view said(word.data(), static_cast<std::size_t>(got));
    if (said == "q")
      return true;
    if (said.size() < 3)
      continue;
    const bool comes = said[0] == '+';
    const std::string what(said.substr(2));
    if (said[1] == 'f') {
      if (comes)
        folders.insert(what);
      else
        folders.erase(what);
    } else if (const auto group = parse_i64(what); group && *group > 1) {
      if (comes)
        groups.insert(static_cast<pid_t>(*group));
      else
        groups.erase(static_cast<pid_t>(*group));
    }
  }
}

[[noreturn]] void guard(int socket, const std::function<void()>& afterwards)
{
  ::setsid();
  ::prctl(PR_SET_NAME, "rmaplab-guard");
  ::prctl(PR_SET_PDEATHSIG, 0);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGTSTP})
    ::signal(number, SIG_IGN);
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  ::dup2(null.get(), 0);
  ::dup2(null.get(), 1);
  std::set<pid_t> groups;
  std::set<std::string> folders;
  if (!listen_until_its_end(socket, groups, folders)) {
    for (const pid_t group : groups)
      end_group(group);
    if (afterwards)
      afterwards();
    std::error_code ignored;
    for (const auto& folder : folders)
      std::filesystem::remove_all(folder, ignored);
  }
  ::_exit(0);
}

}  // namespace

Result<Guardian> Guardian::start(std::function<void()> afterwards)
{
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
    return os_error("socketpair");
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  // Forked twice, so that it is not our child: end_leftovers() and wait(-1) must not meet it.
  const pid_t between = ::fork();
  if (between < 0)
    return os_error("fork for the guardian");
  if (between == 0) {
    const pid_t pid = ::fork();
    if (pid != 0)
      ::_exit(pid < 0 ? 1 : 0);
    ours.reset();
    // Pipes of whoever started us must not stay open by it.
    ::dup2(theirs.get(), 3);
    ::close_range(4, ~0U, 0);
    guard(3, afterwards);
  }
  int status = 0;
  while (::waitpid(between, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0)
    return Error{.code = Errc::os, .context = "fork for the guardian"};
  g_socket = ours.release();
  g_owner = ::getpid();
  return Guardian();
}

Guardian::~Guardian()
{
  if (!running_ || g_owner != ::getpid())
    return;
  char nothing = 0;
  // One that was stopped must not keep us.
  constexpr struct timeval kPatience = {.tv_sec = 5, .tv_usec = 0};
  ::setsockopt(g_socket, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  if (::send(g_socket, "q", 1, MSG_NOSIGNAL) == 1)
    while (::recv(g_socket, &nothing, 1, 0) < 0 && errno == EINTR) {
    }
  ::close(g_socket);
  g_socket = -1;
}

void guard_group(pid_t group)
{
  tell('+', 'g', std::to_string(group));
}

void release_group(pid_t group)
{
  tell('-', 'g', std::to_string(group));
}

void guard_folder(const std::filesystem::path& folder)
{
  tell('+', 'f', folder.native());
}

void release_folder(const std::filesystem::path& folder)
{
  tell('-', 'f', folder.native());
}

}  // namespace rmaplab
