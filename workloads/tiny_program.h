// SPDX-License-Identifier: GPL-2.0-only
// A program that exits with 0 and does nothing else: what execve costs when there is
// nothing to load.
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace rmaplab
{

// One page of an ELF file in memory, open for reading, for exec_tiny_program().
// Errc::unsupported where memory may not be executed (vm.memfd_noexec).
Result<UniqueFd> make_tiny_program();
// Returns only when it failed.
void exec_tiny_program(const UniqueFd& program);

}  // namespace rmaplab
