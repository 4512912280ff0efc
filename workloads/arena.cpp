// SPDX-License-Identifier: GPL-2.0-only
#include "workloads/arena.h"

#include <sys/mman.h>
#include <unistd.h>

#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{
std::size_t g_offset_pages = 0;
}

std::size_t page_size()
{
  static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t pmd_size()
{
  return page_size() / sizeof(std::uint64_t) * page_size();
}

void Arena::set_offset_pages(std::size_t pages)
{
  g_offset_pages = pages;
}

Result<Arena> Arena::create()
{
  // A mapping somebody else made here would be counted and destroyed as ours.
  char* const begin = reinterpret_cast<char*>(kArenaBegin);
  void* const probe =
      ::mmap(begin, kArenaEnd - kArenaBegin, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (probe == MAP_FAILED)
    return os_error("reserve the arena of 64 GiB at 64 GiB");
  ::munmap(probe, kArenaEnd - kArenaBegin);
  return Arena();
}

Arena::~Arena()
{
  if (owner_)
    clear();
}

char* Arena::at(std::size_t page) const
{
  return reinterpret_cast<char*>(kArenaBegin) + (g_offset_pages + page) * page_size();
}

char* Arena::block(std::size_t n) const
{
  return reinterpret_cast<char*>(kArenaBegin) + n * pmd_size();
}

Result<> Arena::map(char* address, std::size_t pages, int extra_flags) const
{
  const int sharing = extra_flags & MAP_SHARED ? 0 : MAP_PRIVATE;
  const void* const got =
      ::mmap(address, pages * page_size(), PROT_READ | PROT_WRITE,
             sharing | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_NORESERVE | extra_flags, -1, 0);
  if (got == MAP_FAILED)
    return os_error("mmap in the arena");
  return ok();
}

Result<> Arena::map_islands(std::size_t count, std::size_t pages, int extra_flags) const
{
  for (std::size_t i = 0; i < count; ++i)
    if (auto mapped = map(island(i, pages), pages, extra_flags); !mapped)
      return mapped;
  return ok();
}

void Arena::clear() const
{
  ::munmap(reinterpret_cast<char*>(kArenaBegin), kArenaEnd - kArenaBegin);
}

Result<> map_faulted_islands(const Arena& arena, std::size_t count)
{
  if (auto mapped = arena.map_islands(count, kIslandPages); !mapped)
    return mapped;
  for (std::size_t i = 0; i < count; ++i)
    touch(arena.island(i, kIslandPages), kIslandPages);
  return ok();
}

}  // namespace rmaplab
