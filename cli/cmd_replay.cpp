// SPDX-License-Identifier: GPL-2.0-only
// replay: a recorded program, played once on the running kernel.
#include <fmt/format.h>

#include <iostream>

#include "base/ticks.h"
#include "cli/commands.h"
#include "replay/replay_input.h"

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

std::string outcome_text(const ReplayOutcome& outcome, const std::string& path, const Trace& trace,
                         double seconds)
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
    text +=
        fmt::format("{} rows not replayed, the first is {}: {}\n", outcome.not_replayed,
                    place_of(path, trace, outcome.first_not_replayed), outcome.why_not_replayed);
  if (outcome.first)
    text += fmt::format("first divergence: {}: expected {}, found {}\n",
                        place_of(path, trace, outcome.first->row),
                        value_text(outcome.first->expected), value_text(outcome.first->found));
  return text;
}

int run_replay(const ReplayCommandOptions& opt, std::ostream& out)
{
  const auto input = read_replay_input(opt.trace, opt.copies);
  if (!input)
    return complain(input.error());
  const Trace& trace = input->trace;
  if (trace.header.lost)
    std::cerr << fmt::format("rmaplab: the recorder lost {} events of this trace\n",
                             trace.header.lost);
  auto replay =
      prepare(trace, {.order = opt.order == "tree" ? ReplayOrder::tree : ReplayOrder::strict,
                      .pace = opt.pace == "recorded" ? ReplayPace::recorded : ReplayPace::asap,
                      .copies = opt.copies,
                      .timeout_s = opt.timeout_s});
  if (!replay)
    return complain(replay.error());
  const std::uint64_t began_ns = monotonic_ns();
  const auto outcome = play(*replay);
  if (!outcome)
    return complain(outcome.error());
  out << outcome_text(*outcome, opt.trace, trace,
                      static_cast<double>(monotonic_ns() - began_ns) * 1e-9);
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
