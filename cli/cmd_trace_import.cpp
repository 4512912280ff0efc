// SPDX-License-Identifier: GPL-2.0-only
// trace import: a trace from a log of strace or perf.
#include <fmt/format.h>

#include <iostream>
#include <map>
#include <memory>

#include "cli/trace_commands.h"
#include "replay/trace_import.h"
#include "replay/trace_io.h"

namespace rmaplab
{

namespace
{

struct TraceImportOptions {
  std::string log;
  std::string output;
  ImportOptions import;
  std::string format = "auto";
  std::string faults = "first";
};

int run_trace_import(const TraceImportOptions& opt, std::ostream& out)
{
  ImportOptions options = opt.import;
  for (const LogFormat format : {LogFormat::strace, LogFormat::perf_trace, LogFormat::perf_script})
    if (opt.format == to_string(format))
      options.format = format;
  options.faults = opt.faults == "none" ? ImportFaults::none : ImportFaults::first;
  const auto imported = import_log(std::filesystem::path(opt.log), options);
  if (!imported)
    return complain(imported.error());
  if (const auto written = write_trace(opt.output, imported->trace); !written)
    return complain(written.error());
  const ImportSummary& summary = imported->summary;
  out << fmt::format(
             "{}: {} rows, {}\n{} lines: {} memory calls taken, {} of other calls and of none\n",
             opt.output, imported->trace.rows.size(), imported->trace.header.note, summary.lines,
             summary.calls, summary.other)
      << std::flush;
  if (summary.unreadable)
    warn(fmt::format("{} lines could not be read, the first is {}", summary.unreadable,
                     summary.first_unreadable));
  return kDone;
}

}  // namespace

void add_trace_import(CLI::App& trace, int& exit_status)
{
  auto opt = std::make_shared<TraceImportOptions>();
  auto* cmd = trace.add_subcommand(
      "import",
      "a trace from a log of `strace -f`, `perf trace` or `perf script`; what such a log lacks\n"
      "is filled by rules, which the trace says in its header");
  cmd->add_option("LOG", opt->log, "the log, as text")->required();
  cmd->add_option("-o,--output", opt->output, "the new trace")->required();
  cmd->add_option("--format", opt->format, "auto, strace, perf trace or perf script")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "strace", "perf trace", "perf script"}));
  cmd->add_option("--faults", opt->faults,
                  "first: the first page of private memory is written when it becomes writable;\n"
                  "none: no page is, and a replay makes no anon_vma")
      ->capture_default_str()
      ->check(CLI::IsMember({"first", "none"}));
  cmd->add_option("--machine", opt->import.machine, "architecture of the log")
      ->capture_default_str()
      ->check(CLI::IsMember({"x86_64", "aarch64"}));
  cmd->add_option("--page-size", opt->import.page_size, "bytes")
      ->capture_default_str()
      ->check(CLI::IsMember({4096u, 16384u, 65536u}));
  cmd->callback([opt, &exit_status] { exit_status = run_trace_import(*opt, std::cout); });
}

}  // namespace rmaplab
