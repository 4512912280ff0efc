// SPDX-License-Identifier: GPL-2.0-only
// What this machine, or the guest that we run in, has left for a replay: memory, tasks,
// descriptors; of the machine as a whole and of each cgroup that we are in. No rights needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "replay/validate.h"

namespace rmaplab
{

struct MachineRoom {
  std::uint64_t memory_bytes = UINT64_MAX;  // free or easily freed
  std::string memory_of = "this machine";   // or the cgroup that has the least
  std::uint64_t tasks = UINT64_MAX;         // that may still be made
  std::string tasks_of = "this machine";
  std::uint64_t open_files = UINT64_MAX;  // of one process
  HugePages huge_pages = HugePages::advised;
};

// `root` is "/" outside of tests. What cannot be read is taken for unlimited.
MachineRoom read_machine_room(const std::filesystem::path& root = "/");

// Pure. A line that says what `copies` replays at once need and the machine lacks, or nothing:
// of memory three quarters may be taken.
std::optional<std::string> lack_of_room(const TraceNeeds& needs, std::uint64_t copies,
                                        const MachineRoom& room);

// Pure: of "always [madvise] never".
HugePages parse_huge_pages(std::string_view text);

}  // namespace rmaplab
