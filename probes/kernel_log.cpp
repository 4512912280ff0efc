// SPDX-License-Identifier: GPL-2.0-only
#include "probes/kernel_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

namespace
{

// A line that begins with `begins` and has `contains` further on.
struct Sign {
  std::string_view begins;
  std::string_view contains;
};

constexpr Sign kSigns[] = {
    // __warn() in kernel/panic.c: "WARNING: CPU: 0 PID: 1 at mm/rmap.c:123 f+0x1/0x2"; newer
    // kernels "WARNING: mm/rmap.c:123 at f+0x1/0x2, CPU#0: comm/1". Not "WARNING: " alone:
    // drivers and mitigations begin lines with it.
    {"WARNING: CPU: ", ""},
    {"WARNING: ", ", CPU#"},
    // kernel/locking/lockdep.c. A message that carries two names is told by its end.
    {"WARNING: possible circular locking dependency detected", ""},
    {"WARNING: possible recursive locking detected", ""},
    {"WARNING: possible irq lock inversion dependency detected", ""},
    {"WARNING: ", "-unsafe lock order detected"},
    {"WARNING: inconsistent lock state", ""},
    {"WARNING: bad unlock balance detected!", ""},
    {"WARNING: bad contention detected!", ""},
    {"WARNING: Nested lock was not taken", ""},
    {"WARNING: held lock freed!", ""},
    {"WARNING: lock held when returning to user space!", ""},
    {"WARNING: ", " still has locks held!"},
    {"WARNING: chain_key collision", ""},
    {"WARNING: suspicious RCU usage", ""},
    {"INFO: trying to register non-static key.", ""},
    {"[ BUG: ", ""},
    // mm/kasan, mm/kfence, mm/kmsan, kernel/kcsan: "BUG: KASAN: use-after-free in f";
    // mm/page_alloc.c, mm/memory.c, kernel/fork.c: "BUG: Bad page state", "Bad page map",
    // "Bad rss-counter state"; kernel/sched/core.c: "BUG: sleeping function called from
    // invalid context"; kernel/watchdog.c: "BUG: soft lockup"; arch/x86/mm/fault.c.
    {"BUG: ", ""},
    // mm/slub.c, slab_bug(): "BUG anon_vma (Not tainted): Poison overwritten".
    {"BUG ", "): "},
    {"kernel BUG at ", ""},  // lib/bug.c
    {"UBSAN: ", " in "},     // lib/ubsan.c; "UBSAN: TRAP" has no file, and oopses
    // arch/x86/kernel/dumpstack.c: "Oops: 0002 [#1] SMP"; before 6.9 the cause stands first.
    {"Oops: ", ""},
    {"general protection fault", "[#"},
    {"Internal error: ", "[#"},             // arch/arm64/kernel/traps.c, die()
    {"Unable to handle kernel ", ""},       // arch/arm64/mm/fault.c
    {"Kernel panic - not syncing: ", ""},   // kernel/panic.c
    {"page dumped because: ", ""},          // mm/debug.c: VM_BUG_ON_PAGE, VM_WARN_ON_FOLIO
    {"Watchdog detected hard LOCKUP", ""},  // kernel/watchdog_hld.c; later kernels:
    {"CPU", "Watchdog detected hard LOCKUP"},
    // kernel/rcu/tree_stall.h and tree_exp.h: "rcu_preempt self-detected stall on CPU",
    // "detected stalls on CPUs/tasks:", "detected expedited stalls on".
    {"INFO: rcu", "detected"},
    {"INFO: task ", " blocked for more than "},  // kernel/hung_task.c
    {"", "new suspected memory leaks (see "},    // mm/kmemleak.c
};

// What pr_fmt() of those files puts before.
constexpr std::string_view kPrefixes[] = {"watchdog: ", "NMI watchdog: ", "rcu: ", "kmemleak: "};

// Counters of /sys/kernel: kernel/panic.c (warn_count, oops_count: 6.1),
// kernel/watchdog.c and kernel/rcu/tree_stall.h (6.16).
constexpr const char* kCounters[] = {"warn_count", "oops_count", "softlockup_count",
                                     "hardlockup_count", "rcu_stall_count"};

// Documentation/admin-guide/tainted-kernels.rst. Of the flags, those that tell of an error;
// modules and the like taint as well.
struct Taint {
  int bit;
  std::string_view name;
};
constexpr Taint kTaints[] = {{4, "taint M (machine check)"},
                             {5, "taint B (bad page)"},
                             {7, "taint D (oops)"},
                             {9, "taint W (warning)"},
                             {14, "taint L (soft lockup)"}};

// "[    5.012345]" and, with CONFIG_PRINTK_CALLER, "[    T1]" behind it.
std::string_view without_stamps(std::string_view line)
{
  for (int stamps = 0; stamps < 2 && line.starts_with('['); ++stamps) {
    const auto end = line.find(']');
    const auto inside = line.substr(1, end == std::string_view::npos ? 0 : end - 1);
    if (inside.empty() || inside.find_first_not_of(" .0123456789TC") != std::string_view::npos)
      break;
    line.remove_prefix(end + 1);
    line = trim(line);
  }
  return line;
}

std::string unescaped(std::string_view text)
{
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text.substr(i, 2) == "\\x" && i + 3 < text.size();
    const auto byte = escape ? parse_u64(text.substr(i + 2, 2), 16) : std::nullopt;
    plain += byte ? static_cast<char>(*byte) : text[i];
    i += byte ? 3 : 0;
  }
  return plain;
}

Error no_log(const std::string& what)
{
  return {.code = Errc::unsupported, .context = what, .sys_errno = errno};
}

}  // namespace

Result<LogRecord> parse_log_record(std::string_view record)
{
  const auto semicolon = record.find(';');
  const auto fields = split(record.substr(0, semicolon), ',');
  const auto sequence = fields.size() >= 3 ? parse_u64(fields[1]) : std::nullopt;
  const auto usec = fields.size() >= 3 ? parse_u64(fields[2]) : std::nullopt;
  if (semicolon == std::string_view::npos || !sequence || !usec)
    return Error{.code = Errc::parse,
                 .context = "kernel log: expected PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;TEXT"};
  const auto text = record.substr(semicolon + 1);
  return LogRecord{
      .sequence = *sequence, .usec = *usec, .text = unescaped(text.substr(0, text.find('\n')))};
}

std::string to_string(const LogRecord& record)
{
  std::string text;
  for (const auto line : split(record.text, '\n'))
    text +=
        fmt::format("[{:5}.{:06}] {}\n", record.usec / 1'000'000, record.usec % 1'000'000, line);
  return text;
}

bool is_complaint(std::string_view line)
{
  for (const auto prefix : kPrefixes)
    if (line.starts_with(prefix))
      line.remove_prefix(prefix.size());
  return std::any_of(std::begin(kSigns), std::end(kSigns), [&](const Sign& sign) {
    return line.starts_with(sign.begins) &&
           line.substr(sign.begins.size()).find(sign.contains) != std::string_view::npos;
  });
}

std::vector<std::string> complaints_of_console(std::string_view console)
{
  std::vector<std::string> complaints;
  for (const auto line : lines_of(console))
    if (const auto text = trim(without_stamps(line)); is_complaint(text))
      complaints.emplace_back(text);
  return complaints;
}

KernelCounts read_kernel_counts(const std::string& root)
{
  KernelCounts counts;
  auto number = [](const std::string& path) {
    const auto text = read_file(path);
    return text ? parse_u64(trim(*text)) : std::nullopt;
  };
  for (const char* name : kCounters)
    if (const auto value = number(root + "/sys/kernel/" + name))
      counts[name] = *value;
  if (const auto flags = number(root + "/proc/sys/kernel/tainted"))
    for (const Taint& taint : kTaints)
      counts[std::string(taint.name)] = *flags >> taint.bit & 1;
  return counts;
}

std::vector<std::string> grown(const KernelCounts& before, const KernelCounts& after)
{
  std::vector<std::string> all;
  for (const auto& [name, value] : after)
    if (const auto old = before.find(name); old != before.end() && value > old->second)
      all.push_back(fmt::format("{} {} -> {}", name, old->second, value));
  return all;
}

Result<KernelLog> KernelLog::open()
{
  UniqueFd fd(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd)
    return no_log("open /dev/kmsg");
  if (::lseek(fd.get(), 0, SEEK_END) < 0)
    return no_log("find the end of /dev/kmsg");
  return KernelLog(std::move(fd));
}

KernelLog::News KernelLog::read()
{
  News news;
  char record[8192];  // PRINTKRB_RECORD_MAX and CONSOLE_EXT_LOG_MAX: longer is refused
  for (;;) {
    const ssize_t got = ::read(fd_.get(), record, sizeof record);
    if (got < 0 && errno == EPIPE)
      news.lost += next_ ? 0 : 1;  // goes on with the oldest that is left, whose number tells
    if (got < 0 && (errno == EPIPE || errno == EINTR))
      continue;
    if (got <= 0)
      return news;
    auto parsed = parse_log_record({record, static_cast<std::size_t>(got)});
    if (!parsed)
      continue;
    if (next_ && parsed->sequence > *next_)
      news.lost += parsed->sequence - *next_;
    next_ = parsed->sequence + 1;
    news.records.push_back(*std::move(parsed));
  }
}

void write_kernel_log(std::string_view line)
{
  const UniqueFd fd(::open("/dev/kmsg", O_WRONLY | O_CLOEXEC));
  if (!fd || ::write(fd.get(), line.data(), line.size()) < 0)
    return;
}

Capability kernel_log_capability()
{
  const auto counts = read_kernel_counts("");
  Capability capability{.probe = "kernel log",
                        .reason = fmt::format("complaints in /dev/kmsg, and {} counters and taint "
                                              "flags that grow with them, after each case",
                                              counts.size())};
  if (const auto log = KernelLog::open(); !log) {
    capability.state = counts.empty() ? Capability::State::not_here : Capability::State::partly;
    capability.reason = to_string(log.error());
    if (!counts.empty())
      capability.reason += fmt::format(": {} counters and taint flags alone", counts.size());
    capability.remedy = "root (CAP_SYSLOG), or a readable /dev/kmsg and kernel.dmesg_restrict=0";
  }
  return capability;
}

}  // namespace rmaplab
