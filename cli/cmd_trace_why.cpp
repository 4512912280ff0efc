// SPDX-License-Identifier: GPL-2.0-only
// trace why: which calls made a recorded program's VMAs, and what keeps neighbours apart.
#include <iostream>
#include <memory>

#include "cli/trace_commands.h"
#include "replay/trace_why.h"

namespace rmaplab
{

namespace
{

struct TraceWhyOptions {
  std::string trace;
  WhyOptions why;
  double time_s = -1;
};

int run_trace_why(const TraceWhyOptions& opt, std::ostream& out)
{
  WhyOptions options = opt.why;
  if (opt.time_s >= 0)
    options.time_ns = static_cast<std::uint64_t>(opt.time_s * 1e9);
  const auto why = explain_trace(opt.trace, options);
  if (!why)
    return complain(why.error());
  out << to_text(*why) << std::flush;
  return kDone;
}

}  // namespace

void add_trace_why(CLI::App& trace, int& exit_status)
{
  auto opt = std::make_shared<TraceWhyOptions>();
  auto* cmd = trace.add_subcommand(
      "why",
      "which calls made the VMAs, and what keeps neighbours apart: when the process with\n"
      "most had most, by a model of the kernel's merging that is held to its counts");
  cmd->add_option("TRACE", opt->trace, "a trace, NAME.csv or NAME.csv.zst")->required();
  cmd->add_option("--process", opt->why.process, "this process, by its number in the trace")
      ->check(CLI::Range(1u, 4294967295u));
  auto* line = cmd->add_option("--line", opt->why.line, "after this line of the trace")
                   ->check(CLI::Range(std::uint64_t{1}, ~std::uint64_t{0}));
  constexpr double kMostSeconds = 1e9;
  cmd->add_option("--time", opt->time_s, "after so many seconds from the first row")
      ->check(CLI::Range(0.0, kMostSeconds))
      ->excludes(line);
  cmd->callback([opt, &exit_status] { exit_status = run_trace_why(*opt, std::cout); });
}

}  // namespace rmaplab
