// SPDX-License-Identifier: GPL-2.0-only
// Reads and writes the trace of replay/schema.md, compressed with zstd where the name ends
// in ".zst". A trace may come from anybody: every number and word is checked here, what they
// mean together in replay/validate.h.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "replay/trace.h"

namespace rmaplab
{

// 2 has the header lines `setting`, `seen` and `ended`; a trace without any is written as 1.
inline constexpr int kTraceVersion = 2;
// Four times the longest recording we aim at; in memory, as read_trace() holds them, 2 GB.
inline constexpr std::uint64_t kMaxTraceRows = 20'000'000;
// A row of the widest numbers has 230 bytes: 200 for each of the rows above is no limit to
// an honest trace, and ends a small file that zstd unpacks without end.
inline constexpr std::uint64_t kMaxTraceBytes = 200 * kMaxTraceRows;

// Rows one by one in memory that does not grow with the file.
class TraceReader
{
 public:
  // Errc::parse with "TRACE:LINE: what was expected" for what is no trace.
  static Result<TraceReader> open(const std::filesystem::path& path);
  // Of bytes in memory, which outlive the reader; `name` is for messages.
  static Result<TraceReader> of_text(const std::string& name, std::string_view text,
                                     bool compressed = false);
  TraceReader(TraceReader&&) noexcept;
  ~TraceReader();
  const TraceHeader& header() const;
  // False at the end of the trace; Errc::interrupted after Ctrl-C. Not to be called again after
  // that or an error.
  Result<bool> next(TraceRow& row);
  // Of the row read last, else of the column line; from 1.
  std::uint64_t line() const;
  const std::string& name() const;

 private:
  struct State;
  explicit TraceReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Errc::interrupted: what every loop over rows returns after Ctrl-C.
Error interrupted_error();
// Errc::parse with "NAME:LINE: expected".
Error trace_error(const std::string& name, std::uint64_t line, const std::string& expected);

Result<Trace> read_trace(const std::filesystem::path& path);
Result<Trace> parse_trace(const std::string& name, std::string_view text);
// The first error of `row` ends the reading and is returned.
using RowSink = std::function<Result<>(const TraceRow& row, std::uint64_t line)>;
Result<> each_row(TraceReader& reader, const RowSink& sink);

// Called with the rows that are written, some hundred times; an error ends the writing.
using WriteProgress = std::function<Result<>(std::size_t rows)>;
// To a temporary name first: a full disk or a crash leaves no half trace.
Result<> write_trace(const std::filesystem::path& path, const Trace& trace,
                     const WriteProgress& progress = {});
// The lines before the rows, the column line included; and one row with its newline.
std::string trace_header_text(const TraceHeader& header);
void append_row(std::string& text, const TraceRow& row);

}  // namespace rmaplab
