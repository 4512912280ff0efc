// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/vma_oracle.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "base/unique_fd.h"

namespace rmaplab
{

namespace
{

// struct procmap_query of linux/fs.h since 6.11; the build's headers may be older.
struct ProcmapQuery {
  std::uint64_t size;
  std::uint64_t query_flags;
  std::uint64_t query_addr;
  std::uint64_t vma_start;
  std::uint64_t vma_end;
  std::uint64_t vma_flags;
  std::uint64_t vma_page_size;
  std::uint64_t vma_offset;
  std::uint64_t inode;
  std::uint32_t dev_major;
  std::uint32_t dev_minor;
  std::uint32_t vma_name_size;
  std::uint32_t build_id_size;
  std::uint64_t vma_name_addr;
  std::uint64_t build_id_addr;
};
constexpr unsigned long kProcmapQuery = _IOWR('f', 17, ProcmapQuery);
constexpr std::uint64_t kCoveringOrNext = 0x10;

}  // namespace

Result<std::vector<AddressRange>> query_vmas_of_self(AddressRange range)
{
  // Opened each time: the descriptor belongs to the address space of its opener, and a
  // child would ask for its parent's.
  const UniqueFd maps(::open("/proc/self/maps", O_RDONLY | O_CLOEXEC));
  if (!maps)
    return os_error("open /proc/self/maps");
  std::vector<AddressRange> vmas;
  std::uint64_t next = range.begin;
  for (;;) {
    ProcmapQuery query = {.size = sizeof query, .query_flags = kCoveringOrNext, .query_addr = next};
    if (::ioctl(maps.get(), kProcmapQuery, &query) < 0) {
      if (errno == ENOENT)
        return vmas;
      if (errno == ENOTTY)
        return Error{.code = Errc::unsupported, .context = "PROCMAP_QUERY: needs Linux 6.11"};
      return os_error("PROCMAP_QUERY");
    }
    if (query.vma_start >= range.end)
      return vmas;
    if (query.vma_start >= range.begin)
      vmas.push_back({query.vma_start, query.vma_end});
    next = query.vma_end;
  }
}

Result<std::vector<AddressRange>> vmas_of_self(AddressRange range)
{
  auto vmas = query_vmas_of_self(range);
  if (!vmas && vmas.error().code == Errc::unsupported)
    return read_vmas("/proc", ::getpid(), range);
  return vmas;
}

}  // namespace rmaplab
