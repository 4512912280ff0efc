// SPDX-License-Identifier: GPL-2.0-only
// trace: what a recorded program did, and how faithful its replay is.
#include <fmt/format.h>

#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/replay_input.h"
#include "probes/vma_count.h"
#include "replay/program.h"
#include "replay/trace_info.h"
#include "replay/verify.h"

namespace rmaplab
{

namespace
{

int run_info(const std::string& path, std::ostream& out)
{
  const auto summary = summarize_trace(path);
  if (!summary)
    return complain(summary.error());
  out << to_text(*summary) << std::flush;
  return kDone;
}

// Below them a replay is not the recorded program.
constexpr double kLeastCalls = 100;
constexpr double kLeastVmas = 99.5;

struct VerifyOptions {
  std::string trace;
  bool allow_losses = false;
  int timeout_s = 300;
};

double percent(std::uint64_t part, std::uint64_t whole)
{
  return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 100.0;
}

std::string rung(const char* name, std::uint64_t part, std::uint64_t whole)
{
  return fmt::format("{:<26} {:>10} of {:<10} {:8.3f} %\n", name, part, whole,
                     percent(part, whole));
}

std::string fidelity_text(const VerifyOptions& opt, const Trace& trace,
                          const ReplayOutcome& outcome, const VmaFidelity& vmas)
{
  std::string text = rung("1 calls as recorded", outcome.as_recorded, outcome.calls);
  if (outcome.first)
    text += fmt::format("  first: {}: {}: expected {}, found {}\n",
                        place_of(opt.trace, trace, outcome.first->row),
                        to_string(trace.rows[outcome.first->row].event),
                        value_text(outcome.first->expected), value_text(outcome.first->found));
  if (outcome.not_replayed)
    text += fmt::format("  {} rows were not replayed, the first is {}: {}\n", outcome.not_replayed,
                        place_of(opt.trace, trace, outcome.first_not_replayed),
                        outcome.why_not_replayed);
  if (outcome.mappings_failed)
    text += fmt::format("  {} mappings of a program's start failed\n", outcome.mappings_failed);
  text += vmas.known ? rung("2 VMAs after each call", vmas.equal, vmas.known)
                     : "2 VMAs after each call: the trace has no counts\n";
  if (vmas.counted < vmas.known)
    text += fmt::format("  {} were not counted in the replay\n", vmas.known - vmas.counted);
  if (vmas.first)
    text += fmt::format("  first: {}: {}: expected {} VMAs, found {}\n",
                        place_of(opt.trace, trace, vmas.first->row),
                        to_string(trace.rows[vmas.first->row].event), vmas.first->expected,
                        vmas.first->found);
  text += rung("  processes, most VMAs", vmas.peaks_equal, vmas.processes);
  text += rung("  processes, VMAs at end", vmas.ends_equal, vmas.processes);
  return text;
}

int run_verify(const VerifyOptions& opt, std::ostream& out)
{
  const auto input = read_replay_input(opt.trace, 1);
  if (!input)
    return complain(input.error());
  const Trace& trace = input->trace;
  if (trace.header.lost && !opt.allow_losses)
    return complain({.code = Errc::usage,
                     .context = fmt::format("{}: the recorder lost {} events, so no replay can be "
                                            "held to it (--allow-losses)",
                                            opt.trace, trace.header.lost)});
  VmaLedger ledger(trace);
  std::optional<Error> uncounted;
  auto replay =
      prepare(trace, {.timeout_s = opt.timeout_s,
                      .look =
                          [&](std::uint32_t, pid_t pid, std::uint32_t row) {
                            const auto count = read_vma_count(
                                "/proc", pid, {.begin = kReplayArenaBegin, .end = kReplayArenaEnd});
                            if (count)
                              ledger.found(row, static_cast<std::int64_t>(count->in_range));
                            else if (!uncounted)
                              uncounted = count.error();
                          },
                      .pauses = ReplayPauses::calls});
  if (!replay)
    return complain(replay.error());
  const auto outcome = play(*replay);
  if (!outcome)
    return complain(outcome.error());
  if (uncounted)
    return complain(*uncounted);
  const VmaFidelity vmas = ledger.fidelity();
  out << fidelity_text(opt, trace, *outcome, vmas) << std::flush;
  const bool faithful = percent(outcome->as_recorded, outcome->calls) >= kLeastCalls &&
                        vmas.known > 0 && percent(vmas.equal, vmas.known) >= kLeastVmas &&
                        vmas.peaks_equal == vmas.processes && vmas.ends_equal == vmas.processes;
  return faithful ? kDone : kCheckFailed;
}

}  // namespace

void add_trace(CLI::App& app, int& exit_status)
{
  auto* cmd = app.add_subcommand("trace", "look at recorded programs");
  cmd->require_subcommand(1);
  auto path = std::make_shared<std::string>();
  auto* info = cmd->add_subcommand(
      "info", "processes, calls, faults, VMAs over time, fork tree, moves, memory");
  info->add_option("TRACE", *path, "a trace, NAME.csv or NAME.csv.zst")->required();
  info->callback([path, &exit_status] { exit_status = run_info(*path, std::cout); });

  auto opt = std::make_shared<VerifyOptions>();
  auto* verify = cmd->add_subcommand(
      "verify",
      "replay in the recorded order and compare: 1. results of calls, 2. the number\n"
      "of VMAs after each. Exit status 1 below 100 %, 99.5 %, or where a process's\n"
      "greatest or last number of VMAs differs");
  verify->add_option("TRACE", opt->trace, "a trace, NAME.csv or NAME.csv.zst")->required();
  verify->add_flag("--allow-losses", opt->allow_losses, "also of a trace that lacks events");
  verify->add_option("--timeout", opt->timeout_s, "seconds without progress before it is given up")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  verify->callback([opt, &exit_status] { exit_status = run_verify(*opt, std::cout); });
}

}  // namespace rmaplab
