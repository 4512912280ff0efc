// SPDX-License-Identifier: GPL-2.0-only
// Lines of logs of system calls that other tools print: `strace -f`, `perf trace`, `perf
// script`. One line becomes one event as it is written; what calls mean together is
// replay/trace_import.h. Pure. A log may come from anybody: nothing of it is trusted, and a
// line costs no more than its length.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rmaplab
{

enum class LogFormat {
  strace,       // strace -f, also with -t, -tt, -ttt, -r, -T, -y, -o
  perf_trace,   // perf trace
  perf_script,  // perf script of syscalls:sys_enter_*, sys_exit_* and sched:sched_process_*
};
std::string_view to_string(LogFormat format);
// Of a line that only one of them prints.
std::optional<LogFormat> log_format(std::string_view line);

enum class LogKind {
  call,        // whole
  call_begin,  // its end is in a line of its own
  call_end,
  fork,        // of the scheduler: the thread made `number`
  exec,        // of the scheduler
  thread_end,  // the thread is gone
};

struct LogEvent {
  LogKind kind = LogKind::call;
  std::uint64_t thread = 0;              // as the log names it; 0: the line does not say
  std::optional<std::uint64_t> time_ns;  // of any origin
  bool time_is_step = false;             // strace -r: since the line before
  std::string_view name;                 // of the call
  std::string_view arguments;            // between the brackets
  std::string_view result;
  std::uint64_t number = 0;
};

// Nothing for a line that is none; `known` tells one that holds no call (a signal, a comment)
// from one that cannot be read.
struct LogLine {
  std::optional<LogEvent> event;
  bool known = true;
};
LogLine parse_log_line(LogFormat format, std::string_view line);

// ---- what is between the brackets ----

// "12", "0x1f", "NULL", "-1", "3</usr/lib/x>", "PROT_READ|PROT_WRITE", "21<<MAP_HUGE_SHIFT":
// a sum of numbers and of the words of `prot`, `map`, `remap`, `advice`, `lock` or `option`,
// with or without their prefix. Nothing for a word that is not known.
std::optional<std::uint64_t> log_number(std::string_view text);
// -4095 to -1 for "-1 ENOMEM (Cannot allocate memory)"; nothing for "?".
std::optional<std::int64_t> log_result(std::string_view text);
// The arguments by place, at most eight; `names` are theirs where the log has "name: value"
// (perf): the value stands where its name does, and what is not there is "0".
std::array<std::string_view, 8> log_arguments(std::string_view text, std::string_view names);
// "/usr/lib/x" of "3</usr/lib/x>".
std::string_view log_path(std::string_view text);

}  // namespace rmaplab
