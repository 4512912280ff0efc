// SPDX-License-Identifier: GPL-2.0-only
// A recorded program: what it asked of its memory, and which pages it touched.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace rmaplab
{

enum class TraceEvent : std::uint8_t {
  start,
  vma,
  mmap,
  munmap,
  mremap,
  mprotect,
  madvise,
  brk,
  mlock,
  mlock2,
  munlock,
  mlockall,
  munlockall,
  prctl,
  uffd_move,
  fork,
  thread,
  exec,
  wait,
  exit_thread,
  exit,
  read,
  write,
  fetch,
  alloc_vm_area_struct,
  alloc_anon_vma,
  alloc_anon_vma_chain
};

inline constexpr std::uint64_t kVmaSpecial = 1ull << 32;
inline constexpr std::uint64_t kVmaHasAnonVma = 1ull << 33;

struct TraceRow {
  std::uint64_t time_ns = 0;
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
  TraceEvent event{};
  std::uint64_t address = 0;
  std::uint64_t length = 0;
  std::uint64_t new_address = 0;
  std::uint64_t new_length = 0;
  std::uint64_t flags = 0;
  std::uint32_t prot = 0;
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::int64_t result = 0;
  std::int32_t vmas = -1;  // not known
};

struct TraceHeader {
  std::string kernel;
  std::string machine;
  std::string command;
  std::uint32_t page_size = 0;
  std::uint64_t lost = 0;
  bool complete = true;
  std::map<std::uint32_t, std::string> files;
};

struct Trace {
  TraceHeader header;
  std::vector<TraceRow> rows;
};

}  // namespace rmaplab
