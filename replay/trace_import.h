// SPDX-License-Identifier: GPL-2.0-only
// A trace from another tool's log of system calls. What a log does not have is filled by the
// rules below, and said in the header's note:
// - page faults: none, or by rule (ImportFaults);
// - what the program had from its start: the ranges that a call which succeeded names and that
//   no call before mapped, each a private anonymous mapping that can be read and written;
// - files: by their path (strace -y), else by descriptor; a call that gives the descriptor
//   makes it another file;
// - threads whose birth is not in the log: each a process of its own, except the first;
// - times, where there are none: a microsecond a call.
// Counts of VMAs and objects are not in a log.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "replay/log_line.h"
#include "replay/trace.h"

namespace rmaplab
{

// Bound what an import holds in memory: some 2 GB.
inline constexpr std::uint64_t kMaxImportEvents = 5'000'000;
inline constexpr std::size_t kMaxLogLine = 64 << 10;

enum class ImportFaults {
  none,   // no anon_vma comes about in a replay
  first,  // the first page of private memory is written right after the call that made it writable
};

struct ImportOptions {
  std::optional<LogFormat> format;  // nothing: by the first line that one of them prints
  ImportFaults faults = ImportFaults::first;
  std::uint32_t page_size = 4096;
  std::string machine = "x86_64";
  std::string kernel = "unknown";
};

struct ImportSummary {
  LogFormat format = LogFormat::strace;
  std::uint64_t lines = 0;
  std::uint64_t calls = 0;       // in the trace
  std::uint64_t other = 0;       // lines of calls that do not concern memory, and of no call
  std::uint64_t unreadable = 0;  // neither
  std::string first_unreadable;  // "LOG:LINE: why"
  std::uint64_t unborn = 0;      // threads of which the log does not say who made them
  std::uint64_t unfinished = 0;  // calls without an end
  std::uint64_t found_ranges = 0;
  std::uint64_t faults = 0;  // by rule
};

struct ImportedTrace {
  Trace trace;  // valid
  ImportSummary summary;
};

// Gives the lines one by one without their newline, nothing at the end. The line may be a view of
// a buffer that the next call overwrites.
using LineSource = std::function<Result<std::optional<std::string_view>>()>;

// Errc::parse where no line can be read or more events than kMaxImportEvents are there.
Result<ImportedTrace> import_log(const std::string& name, const LineSource& lines,
                                 const ImportOptions& options);
Result<ImportedTrace> import_log(const std::filesystem::path& path, const ImportOptions& options);

}  // namespace rmaplab
