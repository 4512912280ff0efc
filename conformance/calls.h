// SPDX-License-Identifier: GPL-2.0-only
// The syscalls checks are about. try_*: 0 or the errno; the others end the check when the
// call fails. Bare syscalls: libc filters the flags of mremap() that it does not know.
#pragma once

#include <sys/mman.h>

#include <cstddef>

#include "base/relocate_flags.h"

namespace rmaplab
{

inline constexpr int kReadWrite = PROT_READ | PROT_WRITE;

// Private anonymous memory exactly there, over what is there; `flags` are added.
void map(char* at, std::size_t pages, int prot = kReadWrite, int flags = 0);
void map_file(char* at, std::size_t pages, int fd, std::size_t offset_pages, int sharing);
void unmap(char* at, std::size_t pages);
void protect(char* at, std::size_t pages, int prot);
void advise(char* at, std::size_t pages, int advice);
int try_protect(char* at, std::size_t pages, int prot);
int try_unmap(char* at, std::size_t pages);
int try_advise(char* at, std::size_t pages, int advice);

// mremap(MAYMOVE | FIXED | more) of `pages` pages to `to`.
int try_move(char* from, std::size_t pages, char* to, int more = 0);
void move(char* from, std::size_t pages, char* to, int more = 0);
// mremap() with all its arguments.
int try_remap(char* from, std::size_t old_bytes, std::size_t new_bytes, int flags, char* to);

}  // namespace rmaplab
