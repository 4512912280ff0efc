// SPDX-License-Identifier: GPL-2.0-only
// A stand-in for the reader of traces: no checks, no compression.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/text.h"
#include "replay/trace.h"

namespace rmaplab
{

inline Trace trace_from_text(std::string_view text)
{
  static constexpr std::string_view kEvents[] = {"start",
                                                 "vma",
                                                 "mmap",
                                                 "munmap",
                                                 "mremap",
                                                 "mprotect",
                                                 "madvise",
                                                 "brk",
                                                 "mlock",
                                                 "mlock2",
                                                 "munlock",
                                                 "mlockall",
                                                 "munlockall",
                                                 "prctl",
                                                 "uffd_move",
                                                 "fork",
                                                 "thread",
                                                 "exec",
                                                 "wait",
                                                 "exit_thread",
                                                 "exit",
                                                 "read",
                                                 "write",
                                                 "fetch",
                                                 "alloc_vm_area_struct",
                                                 "alloc_anon_vma",
                                                 "alloc_anon_vma_chain"};
  Trace trace;
  for (const auto line : lines_of(text)) {
    if (line.starts_with("# page_size: "))
      trace.header.page_size = static_cast<std::uint32_t>(std::atoi(line.data() + 13));
    const auto cells = split(line, ',');
    if (cells.size() < 14 || cells[0] == "time_ns")
      continue;
    auto number = [&](std::size_t n) {
      return cells[n].empty() ? 0 : std::strtoull(std::string(cells[n]).c_str(), nullptr, 0);
    };
    TraceRow r = {.time_ns = number(0),
                  .process = static_cast<std::uint32_t>(number(1)),
                  .thread = static_cast<std::uint32_t>(number(2)),
                  .address = number(4),
                  .length = number(5),
                  .new_address = number(6),
                  .new_length = number(7),
                  .flags = number(8),
                  .prot = static_cast<std::uint32_t>(number(9)),
                  .file = static_cast<std::uint32_t>(number(10)),
                  .offset = number(11),
                  .result = static_cast<std::int64_t>(number(12))};
    for (std::size_t n = 0; n < std::size(kEvents); ++n)
      if (kEvents[n] == cells[3])
        r.event = static_cast<TraceEvent>(n);
    trace.rows.push_back(r);
  }
  return trace;
}

}  // namespace rmaplab
