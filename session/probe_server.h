// SPDX-License-Identifier: GPL-2.0-only
// The server of rmaplab-probe: started when it is first asked for, lent to one process after
// the other, and replaced when it can no longer be trusted to answer what is asked.
#pragma once

#include <optional>

#include "base/process.h"
#include "base/unique_fd.h"

namespace rmaplab
{

class ProbeServer
{
 public:
  // Our end of its socket, for the case; -1 where it cannot be had.
  int fd();
  // -1: there is none.
  pid_t pid() const { return server_ ? server_->pid() : -1; }
  // After a case that died in the middle of a question.
  void restart();

 private:
  bool is_quiet() const;
  void start();
  bool tried_ = false;
  UniqueFd ours_;
  std::optional<Child> server_;
};

}  // namespace rmaplab
