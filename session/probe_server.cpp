// SPDX-License-Identifier: GPL-2.0-only
#include "session/probe_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <string>

#include "base/files.h"

namespace rmaplab
{

namespace
{

constexpr int kServerFd = 3;

}  // namespace

int ProbeServer::fd()
{
  if (ours_ && !is_quiet())
    restart();
  if (!tried_)
    start();
  return ours_ ? ours_.get() : -1;
}

void ProbeServer::restart()
{
  server_.reset();
  ours_.reset();
  tried_ = false;
}

// Between cases nothing may be on the socket: no answer that came too late for its case,
// no end of a server that died, nor of one that a case gave up (ProbeClient::ask).
bool ProbeServer::is_quiet() const
{
  struct pollfd end = {.fd = ours_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, 0) == 0;
}

void ProbeServer::start()
{
  tried_ = true;
  const std::string program = program_directory() / "rmaplab-probe";
  int ends[2];
  if (!find_program(program) || ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return;
  ours_.reset(ends[0]);
  const UniqueFd theirs(ends[1]);
  auto server = Child::spawn({.argv = {program, "serve", "--fd", std::to_string(kServerFd)},
                              .pass_fds = {{theirs.get(), kServerFd}}});
  if (server)
    server_.emplace(*std::move(server));
  else
    ours_.reset();
}

}  // namespace rmaplab
