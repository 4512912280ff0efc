// SPDX-License-Identifier: GPL-2.0-only
// Whether a trace makes sense as a whole, and what its replay needs: both known before the
// first process starts. Pure, and as bounded as what it validates: a trace may come from
// anybody.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "replay/page_set.h"
#include "replay/trace.h"

namespace rmaplab
{

// At one moment. Recorded programs have some hundreds at most; a fork bomb has no end.
inline constexpr std::uint32_t kMaxLiveProcesses = 4096;
inline constexpr std::uint32_t kMaxLiveThreads = 16384;
// Mapped ranges of all address spaces at one moment: 61 programs at the kernel's limit of
// 65530 VMAs (vm.max_map_count), some 500 MB here.
inline constexpr std::uint64_t kMaxLiveRanges = 4'000'000;

// Addresses of user space end here: 47 bits on x86-64 (also with five page-table levels,
// unless asked for more), 48 on arm64.
std::uint64_t address_end(const TraceHeader& header);

struct AddressBlock {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool operator==(const AddressBlock&) const = default;
};

struct TraceNeeds {
  std::uint32_t processes = 0;  // ever
  std::uint32_t threads = 0;
  std::uint32_t peak_processes = 0;  // alive at one moment
  std::uint32_t peak_threads = 0;
  // Written in private memory, at most at one moment; and distinct pages of files and shared
  // memory touched at all. Without what transparent huge pages add.
  std::uint64_t peak_private_pages = 0;
  std::uint64_t file_pages = 0;
  // Faults outside of all mappings or against their protection: a SIGSEGV of the program, or
  // a mapping that the recorder did not see. Not replayed.
  std::uint64_t dropped_touches = 0;
  std::array<std::uint64_t, kTraceEvents> rows_by_event{};
  // All that is ever mapped, in 2 MiB steps (a huge page), ascending and apart.
  std::vector<AddressBlock> address_blocks;
  std::int32_t peak_vmas = -1;  // of one process; -1: the trace knows none
  std::uint64_t peak_pages() const { return peak_private_pages + file_pages; }
};

// What TraceValidator says of a row to those who want to know more than its needs.
struct RowNotes {
  bool dropped = false;  // a touch that is not replayed
};

// Takes the rows one by one.
class TraceValidator
{
 public:
  // `name` is the trace's, for messages.
  TraceValidator(std::string name, const TraceHeader& header);
  ~TraceValidator();
  TraceValidator(const TraceValidator&) = delete;
  TraceValidator& operator=(const TraceValidator&) = delete;
  // Errc::parse with "TRACE:LINE: what was expected".
  Result<RowNotes> add(const TraceRow& row, std::uint64_t line);
  // After the last row.
  Result<TraceNeeds> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Result<TraceNeeds> validate_trace(const std::string& name, const Trace& trace);
// In memory that does not grow with the trace's rows.
Result<TraceNeeds> validate_trace_file(const std::filesystem::path& path);

}  // namespace rmaplab
