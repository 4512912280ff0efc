// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_io.h"

#include <fmt/format.h>

#include "base/files.h"

namespace rmaplab
{

Result<> write_trace(const std::string& path, const Trace& trace)
{
  static constexpr const char* kNames[] = {"start",
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
  fmt::memory_buffer out;
  auto to = std::back_inserter(out);
  fmt::format_to(to,
                 "# rmaplab trace: 1\n# kernel: {}\n# machine: {}\n# page_size: {}\n"
                 "# clock: monotonic\n# command: {}\n# lost: {}\n# complete: {}\n",
                 trace.header.kernel, trace.header.machine, trace.header.page_size,
                 trace.header.command, trace.header.lost, trace.header.complete ? "yes" : "no");
  for (const auto& [number, name] : trace.header.files)
    fmt::format_to(to, "# file {}: {}\n", number, name);
  fmt::format_to(to,
                 "time_ns,process,thread,event,address,length,new_address,new_length,flags,prot,"
                 "file,offset,result,vmas\n");
  for (const TraceRow& r : trace.rows)
    fmt::format_to(to, "{},{},{},{},{:#x},{},{:#x},{},{:#x},{:#x},{},{},{},{}\n", r.time_ns,
                   r.process, r.thread, kNames[static_cast<int>(r.event)], r.address, r.length,
                   r.new_address, r.new_length, r.flags, r.prot, r.file, r.offset,
                   r.result > 4096 ? fmt::format("{:#x}", r.result) : std::to_string(r.result),
                   r.vmas < 0 ? "" : std::to_string(r.vmas));
  return write_file(path, {out.data(), out.size()});
}

}  // namespace rmaplab
