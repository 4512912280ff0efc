// SPDX-License-Identifier: GPL-2.0-only
#include "cli/probe_contention.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <iostream>

#include "base/interrupt.h"
#include "base/process.h"
#include "base/text.h"

namespace rmaplab
{

namespace
{

constexpr int kEnvironment = 2;
constexpr int kNothingRan = 77;
constexpr int kInterrupted = 130;
constexpr int kPumpMs = 100;

double ms(std::uint64_t ns)
{
  return static_cast<double>(ns) * 1e-6;
}

double us(double ns)
{
  return ns * 1e-3;
}

struct Sum {
  std::uint64_t waits = 0;
  std::uint64_t total_ns = 0;
};

template <typename Wanted>
Sum sum_of(std::span<const ContentionRow> rows, Wanted wanted)
{
  Sum sum;
  for (const ContentionRow& row : rows)
    if (wanted(row)) {
      sum.waits += row.waits;
      sum.total_ns += row.total_ns;
    }
  return sum;
}

// Of all that was waited, by class of lock.
std::string shares(std::span<const ContentionRow> rows)
{
  const Sum all = sum_of(rows, [](const auto&) { return true; });
  std::string text = fmt::format("waited in all {:.1f} ms", ms(all.total_ns));
  if (all.total_ns == 0)
    return text;
  const char* separator = ": ";
  for (const LockClass lock_class : {LockClass::anon_vma, LockClass::mmap_lock, LockClass::i_mmap,
                                     LockClass::page_table, LockClass::other}) {
    const Sum part = sum_of(rows, [&](const auto& row) { return row.lock_class == lock_class; });
    text +=
        fmt::format("{}{} {:.1f} %", separator, to_string(lock_class),
                    100 * static_cast<double>(part.total_ns) / static_cast<double>(all.total_ns));
    separator = lock_class == LockClass::i_mmap ? ",\n  " : ", ";  // within 75 columns
  }
  return text;
}

int exit_status_of(int wait_status)
{
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

}  // namespace

std::string contention_table(const ContentionReport& report, std::size_t most_rows)
{
  const auto rows = std::span(report.rows);
  const auto shown = rows.first(std::min(rows.size(), most_rows));
  const auto rest = rows.subspan(shown.size());
  std::string text = "  waits  total ms   mean us    p99 us    max us  kind   class\n";
  for (const ContentionRow& row : shown)
    text += fmt::format("{:7} {:9.1f} {:9.1f} {:9.1f} {:9.1f}  {:<6} {}\n        {}\n", row.waits,
                        ms(row.total_ns),
                        us(static_cast<double>(row.total_ns) / static_cast<double>(row.waits)),
                        us(static_cast<double>(row.p99_ns)), us(static_cast<double>(row.max_ns)),
                        to_string(row.kind), to_string(row.lock_class), row.caller);
  if (!rest.empty()) {
    const Sum sum = sum_of(rest, [](const auto&) { return true; });
    text +=
        fmt::format("{:7} {:9.1f}  in {} more rows\n", sum.waits, ms(sum.total_ns), rest.size());
  }
  const PairCounts& n = report.counts;
  text += fmt::format("\n{}\n", shares(rows));
  text += fmt::format("{} begins ({} went on with a wait), {} ends in {:.2f} s\n", n.begins,
                      n.continued, n.ends, report.seconds);
  text += fmt::format("unmatched: {} begins, {} ends; lost records: {}\n", n.unmatched_begins,
                      n.unmatched_ends, report.lost);
  text +=
      "Waits of the whole machine. rwsem spinning is invisible to these events:\n"
      "compare throughput with a control too.\n";
  return text;
}

std::string contention_csv(const ContentionReport& report)
{
  std::string text = "kind,class,caller,waits,total_ns,p99_ns,max_ns,histogram\n";
  for (const ContentionRow& row : report.rows) {
    text += fmt::format("{},{},{},{},{},{},{},", to_string(row.kind), to_string(row.lock_class),
                        row.caller, row.waits, row.total_ns, row.p99_ns, row.max_ns);
    const char* separator = "";
    for (std::size_t i = 0; i < row.histogram.size(); ++i)
      if (row.histogram[i] > 0)
        text += fmt::format("{}{:.0f}:{}", std::exchange(separator, " "),
                            std::ldexp(1.0, static_cast<int>(i)), row.histogram[i]);
    text += '\n';
  }
  return text;
}

Result<TracedCommand> trace_command(const std::vector<std::string>& command)
{
  auto trace = ContentionTrace::open();
  if (!trace)
    return trace.error();
  if (auto started = trace->start(); !started)
    return started.error();
  auto child = Child::spawn({.argv = command, .own_group = true});
  if (!child)
    return child.error();
  while (!child->poll()) {
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    if (auto pumped = trace->pump(kPumpMs); !pumped)
      return pumped.error();
  }
  if (auto stopped = trace->stop(); !stopped)
    return stopped.error();
  return TracedCommand{.report = trace->report(), .wait_status = *child->poll()};
}

int run_probe_contention(const ContentionOptions& options, std::ostream& out)
{
  const auto traced = trace_command(options.command);
  if (!traced) {
    std::cerr << "rmaplab-probe: " << to_string(traced.error()) << '\n';
    switch (traced.error().code) {
      case Errc::unsupported:
        return kNothingRan;
      case Errc::interrupted:
        return kInterrupted;
      case Errc::os:
      case Errc::parse:
      case Errc::mismatch:
      case Errc::usage:
        return kEnvironment;
    }
  }
  out << (options.csv ? contention_csv(traced->report)
                      : contention_table(traced->report, options.rows))
      << std::flush;
  return exit_status_of(traced->wait_status);
}

}  // namespace rmaplab
