// SPDX-License-Identifier: GPL-2.0-only
#include "lab/git.h"

#include <fmt/format.h>

#include "base/text.h"

namespace rmaplab
{

Result<CommandOutput> git_output(const GitRun& run, const std::function<void()>& waiting)
{
  std::vector<std::string> argv = {"git"};
  for (const char* setting :
       {"user.name=rmaplab", "user.email=rmaplab@localhost", "core.hooksPath=/dev/null",
        "core.fsmonitor=false", "core.autocrlf=false", "commit.gpgSign=false", "gc.auto=0",
        "advice.detachedHead=false", "apply.whitespace=nowarn", "apply.ignoreWhitespace=no",
        "mailinfo.scissors=false"})
    argv.insert(argv.end(), {"-c", setting});
  std::vector<std::string> environment = run.environment;
  environment.emplace_back("LC_ALL=C");
  if (!run.ours.empty()) {
    argv.insert(argv.end(), {"-c", "safe.directory=" + run.ours.string()});
    environment.insert(environment.end(), {"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null"});
  }
  argv.insert(argv.end(), run.arguments.begin(), run.arguments.end());
  return run_command({.argv = argv,
                      .environment = environment,
                      .directory = run.directory,
                      .stdin_fd = run.stdin_fd},
                     waiting);
}

Result<std::string> run_git(const GitRun& run, const std::function<void()>& waiting)
{
  auto done = git_output(run, waiting);
  if (!done)
    return done.error();
  if (done->wait_status != 0)
    return Error{.code = Errc::os,
                 .context = fmt::format("git {}: {}", fmt::join(run.arguments, " "),
                                        trim(last_lines(done->err, 1)))};
  return std::string(trim(done->out));
}

}  // namespace rmaplab
