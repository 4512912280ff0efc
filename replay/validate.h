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

// Of a file, and of an offset in one: a replay makes sparse files in memory (MAX_LFS_FILESIZE is
// 2^63).
inline constexpr std::uint64_t kMostReplayFileBytes = 1ull << 60;

// Addresses of user space end here: 47 bits on x86-64 (also with five page-table levels,
// unless asked for more), 48 on arm64.
std::uint64_t address_end(const TraceHeader& header);

// What a replay of a row takes in our own memory: the row, its op twice, its result.
inline constexpr std::uint64_t kReplayRowBytes = 256;

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
  // memory touched at all, which stay. Filled counts as touched (MAP_POPULATE, mlock() ...).
  std::uint64_t peak_private_pages = 0;
  std::uint64_t file_pages = 0;
  std::uint64_t peak_table_pages = 0;  // page tables
  std::uint64_t peak_ranges = 0;       // mapped, of all processes at one moment
  std::uint64_t peak_links = 0;        // of them to anon_vmas of their own and of ancestors
  std::uint32_t files = 0;             // ever, each held open to the end of a replay
  std::uint64_t rows = 0;
  std::uint32_t page_size = 0;
  // Faults outside of all mappings or against their protection: a SIGSEGV of the program, or
  // a mapping that the recorder did not see. Not replayed.
  std::uint64_t dropped_touches = 0;
  std::array<std::uint64_t, kTraceEvents> rows_by_event{};
  // All that is ever mapped, in 2 MiB steps (a huge page), ascending and apart.
  std::vector<AddressBlock> address_blocks;
  std::int32_t peak_vmas = -1;  // of one process; -1: the trace knows none
  std::uint64_t peak_pages() const { return peak_private_pages + file_pages; }
  // The most that the processes of one replay hold at one moment, the kernel's part included: an
  // upper bound. Without the compiled program: bytes of the rows.
  std::uint64_t memory_bytes() const;
};

// How the machine makes transparent huge pages (/sys/kernel/mm/transparent_hugepage/enabled): of
// memory that madvise() advised, of all, or none.
enum class HugePages : std::uint8_t { never, advised, always };

// What TraceValidator says of a row to those who want to know more than its needs.
struct RowNotes {
  bool dropped = false;  // a touch that is not replayed
};

// Takes the rows one by one.
class TraceValidator
{
 public:
  // `name` is the trace's, for messages.
  TraceValidator(std::string name, const TraceHeader& header,
                 HugePages huge_pages = HugePages::advised);
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

// Errc::interrupted after Ctrl-C. `outside`: where to put the rows, ascending, of touches that no
// mapping of the trace allows.
Result<TraceNeeds> validate_trace(const std::string& name, const Trace& trace,
                                  HugePages huge_pages = HugePages::advised,
                                  std::vector<std::uint32_t>* outside = nullptr);
// How many rows from the first a reader takes: all, or those before the one that `why` is about.
std::size_t readable_rows(const Trace& trace, std::string& why);
// In memory that does not grow with the trace's rows.
Result<TraceNeeds> validate_trace_file(const std::filesystem::path& path,
                                       HugePages huge_pages = HugePages::advised);

}  // namespace rmaplab
