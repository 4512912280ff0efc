// SPDX-License-Identifier: GPL-2.0-only
// The player, an ELF file inside our own: nothing to install, nothing to ship into a guest.
#pragma once

#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace rmaplab
{

std::span<const unsigned char> player_image();
// A file in memory that can be executed. Errc::unsupported where vm.memfd_noexec forbids it.
Result<UniqueFd> make_player_program();

}  // namespace rmaplab
