// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/calls.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "conformance/check.h"
#include "conformance/looks.h"

namespace rmaplab
{

namespace
{

// The arena's VMAs are all mapped with NORESERVE: one flag more or less keeps two from
// merging, and it takes overcommit out of the picture.
constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;

void worked(std::string_view call, int error)
{
  if (error != 0)
    throw Verdict{{.code = Errc::os, .context = std::string(call), .sys_errno = error}};
}

// 0 or the errno of the call; one that was refused must not have broken anything either.
int looked(std::string_view call, bool refused)
{
  const int error = refused ? errno : 0;
  look_after(call);
  return error;
}

}  // namespace

void map(char* at, std::size_t pages, int prot, int flags)
{
  worked("mmap", looked("mmap", ::mmap(at, pages * page_size(), prot, kAnonymous | flags, -1, 0) ==
                                    MAP_FAILED));
}

void map_file(char* at, std::size_t pages, int fd, std::size_t offset_pages, int sharing)
{
  const void* const mapped =
      ::mmap(at, pages * page_size(), kReadWrite, sharing | MAP_NORESERVE | MAP_FIXED, fd,
             static_cast<off_t>(offset_pages * page_size()));
  worked("mmap a file", looked("mmap of a file", mapped == MAP_FAILED));
}

int try_unmap(char* at, std::size_t pages)
{
  return looked("munmap", ::munmap(at, pages * page_size()) != 0);
}

int try_protect(char* at, std::size_t pages, int prot)
{
  return looked("mprotect", ::mprotect(at, pages * page_size(), prot) != 0);
}

int try_advise(char* at, std::size_t pages, int advice)
{
  return looked("madvise", ::madvise(at, pages * page_size(), advice) != 0);
}

void unmap(char* at, std::size_t pages)
{
  worked("munmap", try_unmap(at, pages));
}

void protect(char* at, std::size_t pages, int prot)
{
  worked("mprotect", try_protect(at, pages, prot));
}

void advise(char* at, std::size_t pages, int advice)
{
  worked("madvise", try_advise(at, pages, advice));
}

int try_remap(char* from, std::size_t old_bytes, std::size_t new_bytes, int flags, char* to)
{
  return looked("mremap", ::syscall(SYS_mremap, from, old_bytes, new_bytes, flags, to) == -1);
}

int try_move(char* from, std::size_t pages, char* to, int more)
{
  const std::size_t bytes = pages * page_size();
  return try_remap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED | more, to);
}

void move(char* from, std::size_t pages, char* to, int more)
{
  worked("mremap", try_move(from, pages, to, more));
}

}  // namespace rmaplab
