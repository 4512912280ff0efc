// SPDX-License-Identifier: GPL-2.0-only
// userfaultfd as checks need it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/unique_fd.h"

namespace rmaplab
{

inline constexpr std::uint64_t kUffdFeatureMove = 1 << 16;       // UFFD_FEATURE_MOVE, Linux 6.8
inline constexpr std::uint64_t kUffdMoveAllowSrcHoles = 1 << 1;  // UFFDIO_MOVE_MODE_*

// With the features, which an older kernel makes a skip. Only for faults of user mode, so
// that it needs no privilege (vm.unprivileged_userfaultfd).
UniqueFd open_uffd(std::uint64_t features = 0);
int try_register_missing(const UniqueFd& uffd, char* at, std::size_t pages);
void register_missing(const UniqueFd& uffd, char* at, std::size_t pages);
void unregister(const UniqueFd& uffd, char* at, std::size_t pages);

struct Moved {
  int error = 0;           // 0 or errno
  std::int64_t bytes = 0;  // .move: as many were moved, or -errno
};
Moved uffd_move(const UniqueFd& uffd, char* to, char* from, std::size_t pages,
                std::uint64_t mode = 0);

}  // namespace rmaplab
