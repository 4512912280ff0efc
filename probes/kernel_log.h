// SPDX-License-Identifier: GPL-2.0-only
// What the kernel says while a case runs, and whether it complains of itself.
//
// Two witnesses. /dev/kmsg (Documentation/ABI/testing/dev-kmsg) has the text; reading it
// takes CAP_SYSLOG where kernel.dmesg_restrict is 1. The kernel's own counters of warnings
// and oopses and its taint flags, which anyone may read, also know of a warning whose text
// was overwritten. Neither says which process was to blame: on a machine in use a complaint
// may be of another program's doing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "probes/capability.h"

namespace rmaplab
{

struct LogRecord {
  std::uint64_t sequence = 0;
  std::uint64_t usec = 0;  // of the kernel's clock since boot
  std::string text;        // without escapes; may hold several lines
  bool operator==(const LogRecord&) const = default;
};

// Pure. One record as a read of /dev/kmsg gives it; key-value lines are left out.
Result<LogRecord> parse_log_record(std::string_view record);
// "[    5.012345] text", as dmesg prints it; one line for each of the text.
std::string to_string(const LogRecord& record);

// Pure. Whether a line, without its time, is a complaint of the kernel about itself: a
// warning, BUG, oops, sanitizer's or lockdep's report, lockup, stall. Ordinary lines that
// hold one of those words are none.
bool is_complaint(std::string_view line);
// Pure. Complaints of a console's text, without the time stamps.
std::vector<std::string> complaints_of_console(std::string_view console);

// Name of a counter or flag and its value: "warn_count".
using KernelCounts = std::map<std::string, std::uint64_t>;
// Those that this kernel has, below `root` ("" outside tests): the counters of
// /sys/kernel (6.1 and later, some 6.16) and the flags of /proc/sys/kernel/tainted that
// tell of an error ("taint D (oops)": 0 or 1).
KernelCounts read_kernel_counts(const std::string& root);
// Pure. "warn_count 0 -> 1" for each that grew.
std::vector<std::string> grown(const KernelCounts& before, const KernelCounts& after);

// The end of the kernel's log, from where it was opened.
class KernelLog
{
 public:
  // At the end of the log. Errc::unsupported says which file or right is missing.
  static Result<KernelLog> open();
  struct News {
    std::vector<LogRecord> records;
    std::uint64_t lost = 0;  // overwritten before they were read (EPIPE); at least so many
  };
  // What came since the last call; does not block.
  News read();

 private:
  explicit KernelLog(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::optional<std::uint64_t> next_;  // sequence number
};

// What a guest's runner writes before its first case: what a console has above this line is
// the kernel's boot.
inline constexpr std::string_view kCasesBegin = "rmaplab: cases begin";
// Writes a line to the log, as of user space; nothing where it may not.
void write_kernel_log(std::string_view line);

Capability kernel_log_capability();

}  // namespace rmaplab
