// SPDX-License-Identifier: GPL-2.0-only
// The address range in which workloads map: the same on every kernel and machine,
// away from the program, its heap, stack and libraries, so that the VMAs in it
// are the workload's and no others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"

namespace rmaplab
{

// 64 GiB to 128 GiB: free in a 39-bit address space (arm64 with three levels) too.
inline constexpr std::uint64_t kArenaBegin = std::uint64_t{1} << 36;
inline constexpr std::uint64_t kArenaEnd = std::uint64_t{1} << 37;

std::size_t page_size();
// Bytes mapped by one full page-table page: 2 MiB with 4 KiB pages, 512 MiB with 64.
std::size_t pmd_size();

// Everything the arena holds is unmapped with its owner; one exists at a time.
class Arena
{
 public:
  // Errc::os when something else is mapped in the range.
  static Result<Arena> create();
  Arena(Arena&& other) noexcept : owner_(other.owner_) { other.owner_ = false; }
  Arena& operator=(Arena&&) = delete;
  ~Arena();

  // Address of page `page` of the arena, moved by the replica's offset.
  char* at(std::size_t page) const;
  // Start of the n-th page-table-sized block, not moved.
  char* block(std::size_t n) const;
  // Maps private anonymous memory at a fixed address, readable and writable.
  Result<> map(char* address, std::size_t pages, int extra_flags = 0) const;
  // `count` VMAs of `pages` pages with a hole of one page after each, from at(0).
  Result<> map_islands(std::size_t count, std::size_t pages, int extra_flags = 0) const;
  char* island(std::size_t i, std::size_t pages) const { return at(i * (pages + 1)); }
  // Unmaps all of it. Cheap: a range of the VMA tree.
  void clear() const;

  // Moves every mapping but those aligned on purpose: a replica's luck with
  // page-table borders. Set before the first arena is made.
  static void set_offset_pages(std::size_t pages);

 private:
  Arena() = default;
  bool owner_ = true;
};

// Pages of one island: a hole of the same page-table page follows each.
inline constexpr std::size_t kIslandPages = 1;
// `count` faulted VMAs, each with an anon_vma of its own.
Result<> map_faulted_islands(const Arena& arena, std::size_t count);

}  // namespace rmaplab
