// SPDX-License-Identifier: GPL-2.0-only
// Traces for tests, a row a call.
#pragma once

#include <linux/mman.h>
#include <sys/mman.h>

#include <utility>

#include "replay/trace.h"

namespace rmaplab
{

inline constexpr std::uint64_t kTestPage = 4096;
inline constexpr std::uint64_t kTestPlace = 0x7f12'3450'0000;
inline constexpr int kTestPrivate = MAP_PRIVATE | MAP_ANONYMOUS;

// A row of a process with one thread, with the count of VMAs that the kernel had after it.
inline TraceRow counted_row(TraceEvent event, std::uint32_t process, std::int32_t vmas,
                            std::int64_t result = 0, std::uint64_t flags = 0)
{
  return {.process = process,
          .thread = process,
          .event = event,
          .flags = flags,
          .result = result,
          .vmas = vmas};
}

class TraceBuilder
{
 public:
  TraceBuilder()
  {
    trace_.header.page_size = kTestPage;
    row({.event = TraceEvent::exec});
  }
  // Rows that follow are of this thread.
  TraceBuilder& as(std::uint32_t process, std::uint32_t thread)
  {
    process_ = process;
    thread_ = thread;
    return *this;
  }
  TraceBuilder& at_ns(std::uint64_t time_ns)
  {
    time_ns_ = time_ns;
    return *this;
  }
  TraceBuilder& row(TraceRow r)
  {
    r.process = process_;
    r.thread = thread_;
    r.time_ns = time_ns_;
    trace_.rows.push_back(r);
    return *this;
  }
  TraceBuilder& vma(std::uint64_t address, std::uint64_t pages, int prot, std::uint64_t flags,
                    std::uint32_t file = 0, std::uint64_t offset = 0)
  {
    return row({.event = TraceEvent::vma,
                .address = address,
                .length = pages * kTestPage,
                .flags = flags,
                .prot = static_cast<std::uint32_t>(prot),
                .file = file,
                .offset = offset});
  }
  TraceBuilder& map(std::uint64_t address, std::uint64_t pages, int prot = PROT_READ | PROT_WRITE,
                    std::uint64_t flags = kTestPrivate, std::uint32_t file = 0,
                    std::uint64_t offset = 0)
  {
    return row({.event = TraceEvent::mmap,
                .length = pages * kTestPage,
                .flags = flags,
                .prot = static_cast<std::uint32_t>(prot),
                .file = file,
                .offset = offset,
                .result = static_cast<std::int64_t>(address)});
  }
  TraceBuilder& unmap(std::uint64_t address, std::uint64_t pages)
  {
    return row({.event = TraceEvent::munmap, .address = address, .length = pages * kTestPage});
  }
  TraceBuilder& protect(std::uint64_t address, std::uint64_t pages, int prot,
                        std::int64_t result = 0)
  {
    return row({.event = TraceEvent::mprotect,
                .address = address,
                .length = pages * kTestPage,
                .prot = static_cast<std::uint32_t>(prot),
                .result = result});
  }
  TraceBuilder& remap(std::uint64_t from, std::uint64_t pages, std::uint64_t to,
                      std::uint64_t new_pages)
  {
    return row({.event = TraceEvent::mremap,
                .address = from,
                .length = pages * kTestPage,
                .new_length = new_pages * kTestPage,
                .flags = MREMAP_MAYMOVE,
                .result = static_cast<std::int64_t>(to)});
  }
  TraceBuilder& brk(std::uint64_t asked, std::uint64_t result)
  {
    return row(
        {.event = TraceEvent::brk, .address = asked, .result = static_cast<std::int64_t>(result)});
  }
  TraceBuilder& read(std::uint64_t address)
  {
    return row({.event = TraceEvent::read, .address = address});
  }
  TraceBuilder& write(std::uint64_t address)
  {
    return row({.event = TraceEvent::write, .address = address});
  }
  TraceBuilder& fork(std::uint32_t process, std::uint32_t thread, std::uint64_t flags = 0)
  {
    return row({.event = TraceEvent::fork, .length = thread, .flags = flags, .result = process});
  }
  TraceBuilder& thread(std::uint32_t number)
  {
    return row({.event = TraceEvent::thread, .result = number});
  }
  TraceBuilder& exec() { return row({.event = TraceEvent::exec}); }
  TraceBuilder& wait(std::uint32_t process)
  {
    return row({.event = TraceEvent::wait, .result = process});
  }
  TraceBuilder& exit_thread() { return row({.event = TraceEvent::exit_thread}); }
  TraceBuilder& exit() { return row({.event = TraceEvent::exit}); }
  Trace take() { return std::move(trace_); }

 private:
  Trace trace_;
  std::uint32_t process_ = 1;
  std::uint32_t thread_ = 1;
  std::uint64_t time_ns_ = 0;
};

}  // namespace rmaplab
