// SPDX-License-Identifier: GPL-2.0-only
// A recorded program's memory life as plain rows: what recorder, reader, validation and
// player share. replay/schema.md describes each column and event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
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
  pkey_mprotect,
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
  alloc_anon_vma_chain,
};
inline constexpr std::size_t kTraceEvents = 28;

// Bits of TraceRow::flags of a vma row, above those that mmap() takes.
inline constexpr std::uint64_t kVmaSpecial = 1ull << 32;  // counted, not replayed
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
  std::int32_t vmas = -1;  // -1: not known
  bool operator==(const TraceRow&) const = default;
};

struct TraceHeader {
  std::string kernel;
  std::string machine;
  std::string command;
  std::string note;  // what was done to the trace since, or how it came about; "" for a recording
  std::uint32_t page_size = 0;
  std::uint64_t lost = 0;
  bool complete = true;
  std::map<std::uint32_t, std::string> files;
  // Of the machine and the program when it was recorded: limits, THP, overcommit, ASLR.
  std::map<std::string, std::string> settings;
  // What the recorder saw and the trace does not have, by name: how often.
  std::map<std::string, std::uint64_t> seen;
  std::string ended;  // why the recording ended before the program, where it was the recorder's
  bool operator==(const TraceHeader&) const = default;
};

// In the note of a trace whose page faults nobody saw: what follows from them is not known.
inline constexpr std::string_view kFaultsByRule = "faults by rule";

struct Trace {
  TraceHeader header;
  std::vector<TraceRow> rows;
  std::uint64_t first_line = 1;  // of rows[0] in its file, for messages; each row is one line
};

// Columns in the order of the file; also bits of TraceEventShape::columns.
enum class TraceColumn : unsigned {
  time_ns,
  process,
  thread,
  event,
  address,
  length,
  new_address,
  new_length,
  flags,
  prot,
  file,
  offset,
  result,
  vmas,
};
inline constexpr unsigned kTraceColumns = 14;
extern const std::array<std::string_view, kTraceColumns> kTraceColumnNames;
constexpr unsigned bit(TraceColumn column)
{
  return 1u << static_cast<unsigned>(column);
}

// What a row of an event holds.
struct TraceEventShape {
  std::string_view name;
  unsigned columns = 0;         // besides time_ns, process, thread, event; any may have vmas
  bool address_result = false;  // result, unless negative, is an address
};
extern const std::array<TraceEventShape, kTraceEvents> kTraceEventShapes;  // in their order
inline const TraceEventShape& shape_of(TraceEvent event)
{
  return kTraceEventShapes[static_cast<std::size_t>(event)];
}
inline std::string_view to_string(TraceEvent event)
{
  return shape_of(event).name;
}
inline bool is_touch(TraceEvent event)
{
  return event == TraceEvent::read || event == TraceEvent::write || event == TraceEvent::fetch;
}

// The kernel returns errnos as -1 to -4095 (MAX_ERRNO, include/linux/err.h); no address of
// user space is among them.
inline constexpr std::int64_t kMaxErrno = 4095;

}  // namespace rmaplab
