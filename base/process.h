// SPDX-License-Identifier: GPL-2.0-only
// Child processes with exactly one owner: killed and reaped with it, and dying
// with their parent even when that is killed.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct SpawnOptions {
  std::vector<std::string> argv;         // argv[0] is searched in PATH
  std::vector<std::string> environment;  // "NAME=value", added to ours
  std::string directory;                 // "" keeps ours
  int stdin_fd = -1;                     // -1: /dev/null
  int stdout_fd = -1;                    // -1: ours
  int stderr_fd = -1;                    // -1: ours
  // Our number, the child's number; no child's number may be another entry's of ours.
  std::vector<std::pair<int, int>> pass_fds;
  bool own_group = false;          // its descendants are killed with it
  std::function<void()> in_child;  // last thing before exec; async-signal-safe calls only
};

class Child
{
 public:
  // Fails as a whole: an exec that fails is reported here.
  static Result<Child> spawn(const SpawnOptions& options);
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), own_group_(other.own_group_), status_(other.status_)
  {
  }
  Child& operator=(Child&&) = delete;
  ~Child();
  pid_t pid() const { return pid_; }
  // wait(2) status once the child has ended; does not block.
  std::optional<int> poll();
  // Blocks, but at most `timeout_ms` (negative: for ever); nothing on timeout or
  // when the user interrupted us.
  std::optional<int> wait(int timeout_ms = -1);
  void kill_and_reap();

 private:
  Child(pid_t pid, bool own_group) : pid_(pid), own_group_(own_group) {}
  pid_t pid_ = -1;
  bool own_group_ = false;
  std::optional<int> status_;
};

// "exit status 3", "signal 11 (Segmentation fault)".
std::string describe_wait_status(int wait_status);

struct CommandOutput {
  int wait_status = 0;
  std::string out;
  std::string err;
};
// Runs to the end and keeps both outputs. Errc::interrupted after Ctrl-C. While it
// waits it calls `waiting`, where there is one, some five times a second.
Result<CommandOutput> run_command(SpawnOptions options, const std::function<void()>& waiting = {});
// The same of a program that answers at once or not at all: Errc::unsupported after 30 s.
Result<CommandOutput> ask_program(SpawnOptions options);
// Where standard input, output or error is closed, /dev/null is opened to read: no other file of
// ours gets its number, and what is written to it is an error of the write. First thing in a
// main().
void fill_standard_descriptors();
// Full path of a program as execvp would find it; nothing when there is none.
std::optional<std::string> find_program(const std::string& name);

}  // namespace rmaplab
