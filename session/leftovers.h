// SPDX-License-Identifier: GPL-2.0-only
// Processes that a case leaves behind. The coordinator is where orphans go (it is the
// first process, or a subreaper), so whoever is its child after a case has ended, and was
// not before, is of that case.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace rmaplab
{

// Orphans of our descendants become our children from now on: prctl(2),
// PR_SET_CHILD_SUBREAPER. The first process of a PID namespace has them anyway.
void adopt_orphans();
// Kills and reaps every child of ours but `ours` (-1: none is), and what becomes our child
// by that: "process 77 (sleep)" for each.
std::vector<std::string> end_leftovers(pid_t ours);

}  // namespace rmaplab
