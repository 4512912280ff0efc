// SPDX-License-Identifier: GPL-2.0-only
// trace cut: a process or a window of time out of a trace.
#include <fmt/format.h>

#include <iostream>
#include <limits>
#include <memory>

#include "cli/trace_commands.h"
#include "replay/trace_cut.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

namespace rmaplab
{

namespace
{

struct TraceCutOptions {
  std::string trace;
  std::string output;
  std::uint32_t process = 0;
  bool tree = false;
  double from_s = -1;
  double to_s = -1;
};

std::uint64_t ns_of(double seconds)
{
  return static_cast<std::uint64_t>(seconds * 1e9);
}

int run_trace_cut(const TraceCutOptions& opt, std::ostream& out)
{
  if (!opt.process && opt.from_s < 0 && opt.to_s < 0)
    return complain({.code = Errc::usage,
                     .context = "trace cut: give --process N, --from SECONDS or --to SECONDS"});
  auto trace = read_trace(opt.trace);
  if (!trace)
    return complain(trace.error());
  if (const auto valid = validate_trace(opt.trace, *trace); !valid)
    return complain(valid.error());
  auto named = [&opt](Error error) {
    error.context = opt.trace + ": " + error.context;
    return complain(error);
  };
  // Times are those of the whole trace.
  if (opt.from_s >= 0 || opt.to_s >= 0) {
    auto window =
        cut_time(*trace, opt.from_s < 0 ? 0 : ns_of(opt.from_s),
                 opt.to_s < 0 ? std::numeric_limits<std::uint64_t>::max() : ns_of(opt.to_s));
    if (!window)
      return named(window.error());
    trace = *std::move(window);
  }
  if (opt.process) {
    auto process = cut_process(*trace, opt.process, opt.tree);
    if (!process)
      return named(process.error());
    trace = *std::move(process);
  }
  if (const auto valid = validate_trace(opt.output, *trace); !valid)
    return complain(valid.error());
  if (const auto written = write_trace(opt.output, *trace); !written)
    return complain(written.error());
  out << fmt::format("{}: {} rows, {}\n", opt.output, trace->rows.size(), trace->header.note)
      << std::flush;
  return kDone;
}

}  // namespace

void add_trace_cut(CLI::App& trace, int& exit_status)
{
  auto opt = std::make_shared<TraceCutOptions>();
  auto* cmd = trace.add_subcommand(
      "cut", "a process, with those it was forked from, or a window of time as a trace");
  cmd->add_option("TRACE", opt->trace, "a trace, NAME.csv or NAME.csv.zst")->required();
  cmd->add_option("-o,--output", opt->output, "the new trace")->required();
  auto* process = cmd->add_option("--process", opt->process,
                                  "this process by its number (after --from: in the window);\n"
                                  "its ancestors until they forked it")
                      ->check(CLI::Range(1u, 4294967295u));
  cmd->add_flag("--tree", opt->tree, "with its descendants")->needs(process);
  constexpr double kMostSeconds = 1e9;
  cmd->add_option("--from", opt->from_s,
                  "seconds from the first row; what is there then begins the trace")
      ->check(CLI::Range(0.0, kMostSeconds));
  cmd->add_option("--to", opt->to_s, "seconds from the first row")
      ->check(CLI::Range(0.0, kMostSeconds));
  cmd->callback([opt, &exit_status] { exit_status = run_trace_cut(*opt, std::cout); });
}

}  // namespace rmaplab
