// SPDX-License-Identifier: GPL-2.0-only
// replay: a recorded program, played once on the running kernel.
#include <fmt/format.h>

#include <cstring>
#include <iostream>

#include "base/files.h"
#include "base/text.h"
#include "base/ticks.h"
#include "cli/commands.h"
#include "replay/replay.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

namespace rmaplab
{

namespace
{

struct ReplayCommandOptions {
  std::string trace;
  std::string order = "strict";
  std::string pace = "asap";
  int copies = 1;
  int timeout_s = 300;
};

std::string value_text(std::int64_t value)
{
  if (value < 0 && value >= -4095)
    return fmt::format("{} ({})", value, std::strerror(static_cast<int>(-value)));
  return value < 4096 ? std::to_string(value) : fmt::format("{:#x}", value);
}

std::string outcome_text(const ReplayOutcome& outcome, double seconds)
{
  std::string text = fmt::format(
      "calls        {:>12}\n"
      "as recorded  {:>12}  {:.3f} %\n"
      "touches      {:>12}  {} refused\n"
      "processes    {:>12}\n"
      "threads      {:>12}\n"
      "time         {:>12.3f}  s\n",
      outcome.calls, outcome.as_recorded,
      outcome.calls
          ? 100.0 * static_cast<double>(outcome.as_recorded) / static_cast<double>(outcome.calls)
          : 100.0,
      outcome.touches, outcome.refused, outcome.processes, outcome.threads, seconds);
  if (outcome.mappings_failed)
    text += fmt::format("{} mappings of a program's start failed\n", outcome.mappings_failed);
  if (outcome.not_replayed)
    text += fmt::format("{} rows not replayed, the first is row {}: {}\n", outcome.not_replayed,
                        outcome.first_not_replayed + 1, outcome.why_not_replayed);
  if (outcome.first)
    text += fmt::format("first divergence: row {}, expected {}, found {}\n", outcome.first->row + 1,
                        value_text(outcome.first->expected), value_text(outcome.first->found));
  return text;
}

// Memory that the replay may come to hold, against three quarters of what there is.
Result<> enough_memory(const TraceNeeds& needs, const Trace& trace, int copies)
{
  const auto text = read_file("/proc/meminfo");
  const auto available = text ? meminfo_bytes(*text, "MemAvailable") : std::nullopt;
  const std::uint64_t bytes = needs.peak_pages() * trace.header.page_size;
  if (!available || bytes <= *available / 4 * 3 / static_cast<std::uint64_t>(copies))
    return ok();
  return Error{.code = Errc::unsupported,
               .context = fmt::format("{} copies of {} MiB are more than three quarters of the {} "
                                      "MiB of memory that are available",
                                      copies, bytes >> 20, *available >> 20)};
}

int run_replay(const ReplayCommandOptions& opt, std::ostream& out)
{
  const auto trace = read_trace(opt.trace);
  if (!trace)
    return complain(trace.error());
  const auto needs = validate_trace(opt.trace, *trace);
  if (!needs)
    return complain(needs.error());
  if (auto enough = enough_memory(*needs, *trace, opt.copies); !enough)
    return complain(enough.error());
  if (trace->header.lost)
    std::cerr << fmt::format("rmaplab: the recorder lost {} events of this trace\n",
                             trace->header.lost);
  auto replay =
      prepare(*trace, {.order = opt.order == "tree" ? ReplayOrder::tree : ReplayOrder::strict,
                       .pace = opt.pace == "recorded" ? ReplayPace::recorded : ReplayPace::asap,
                       .copies = opt.copies,
                       .timeout_s = opt.timeout_s});
  if (!replay)
    return complain(replay.error());
  const std::uint64_t began_ns = monotonic_ns();
  const auto outcome = play(*replay);
  if (!outcome)
    return complain(outcome.error());
  out << outcome_text(*outcome, static_cast<double>(monotonic_ns() - began_ns) * 1e-9);
  return kDone;
}

}  // namespace

void add_replay(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<ReplayCommandOptions>();
  auto* cmd = app.add_subcommand("replay", "play a recorded program on the running kernel");
  cmd->add_option("TRACE", opt->trace, "made by `rmaplab record`")
      ->required()
      ->check(CLI::ExistingFile);
  cmd->add_option("--order", opt->order,
                  "strict: the recorded order of everything; tree: processes side by side,\n"
                  "only fork, exec, exit, wait and the order within a process are kept")
      ->capture_default_str()
      ->check(CLI::IsMember({"strict", "tree"}));
  cmd->add_option("--pace", opt->pace, "asap, or recorded: at the recorded times")
      ->capture_default_str()
      ->check(CLI::IsMember({"asap", "recorded"}));
  cmd->add_option("--copies", opt->copies, "process trees at once")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  cmd->add_option("--timeout", opt->timeout_s, "seconds without progress before it is given up")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  cmd->callback([opt, &exit_status] { exit_status = run_replay(*opt, std::cout); });
}

}  // namespace rmaplab
