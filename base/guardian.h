// SPDX-License-Identifier: GPL-2.0-only
// What must not stay behind when this process is killed by a signal that nobody can handle:
// process groups, temporary folders, settings. A process of its own, in its own session, is told
// of them as they come and go; when its socket closes without a word, it puts all away.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>

#include "base/result.h"

namespace rmaplab
{

// One a process, in its main(). Before there is one, and in a child that was forked, the functions
// below do nothing.
class Guardian
{
 public:
  // `afterwards` is called in the guardian when this process was killed and its groups are gone.
  // It has this process's memory as it is now, its standard error, and /dev/null for the rest.
  static Result<Guardian> start(std::function<void()> afterwards = {});
  Guardian(Guardian&& other) noexcept : running_(std::exchange(other.running_, false)) {}
  Guardian& operator=(Guardian&&) = delete;
  ~Guardian();  // sends it away and waits until it is gone

 private:
  Guardian() = default;
  bool running_ = true;
};

// Of a process whose group is its own; from when it has been reaped it is another's number.
void guard_group(pid_t group);
void release_group(pid_t group);
// Removed with all that is in it; an absolute path.
void guard_folder(const std::filesystem::path& folder);
void release_folder(const std::filesystem::path& folder);

}  // namespace rmaplab
