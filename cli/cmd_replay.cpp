// SPDX-License-Identifier: GPL-2.0-only
// replay: a recorded program, played once.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <optional>

#include "base/files.h"
#include "base/process.h"
#include "base/ticks.h"
#include "cli/lab_run.h"
#include "probes/vma_count.h"
#include "replay/program.h"
#include "replay/replay_input.h"
#include "workloads/move.h"

namespace rmaplab
{

namespace
{

struct ReplayCommandOptions : LabCommandOptions {
  std::string kernel_spec;
  std::string trace;
  std::string order = "strict";
  std::string pace = "asap";
  int copies = 1;
  int timeout_s = 300;
  bool relocate = false;
  bool force = false;
  std::string shown;  // name of the trace for a reader: that of another machine
  std::string curve;  // file, "-" for standard output
};

// The VMAs of the recorded program as it goes: a line for each call that may change their
// number, as docs/replay.md says. Strict order only: nobody else runs while one is counted.
class VmaCurve
{
 public:
  void look(std::uint32_t process, pid_t pid, const TraceRow& row, std::size_t line)
  {
    const auto count =
        read_vma_count("/proc", pid, {.begin = kReplayArenaBegin, .end = kReplayArenaEnd});
    if (!count) {
      failed_ = failed_ ? failed_ : count.error();
      return;
    }
    vmas_[process] = count->in_range;
    std::uint64_t all = 0;
    for (const auto& [number, vmas] : vmas_)
      all += vmas;
    most_ = std::max(most_, all);
    text_ +=
        fmt::format("{},{},{},{},{}\n", line, to_string(row.event), process, count->in_range, all);
    if (row.event == TraceEvent::exit)
      vmas_.erase(process);
  }
  std::uint64_t most() const { return most_; }
  Result<std::string> csv() const
  {
    if (failed_)
      return *failed_;
    return "row,event,process,vmas,all_processes\n" + text_;
  }

 private:
  std::map<std::uint32_t, std::uint64_t> vmas_;  // of living processes
  std::uint64_t most_ = 0;
  std::string text_;
  std::optional<Error> failed_;
};

std::string outcome_text(const ReplayOutcome& outcome, const std::string& path, const Trace& trace,
                         double seconds)
{
  std::string text = fmt::format(
      "calls        {:>12}\n"
      "as recorded  {:>12}  {:.3f} %\n"
      "moves        {:>12}\n"
      "touches      {:>12}  {} refused\n"
      "processes    {:>12}\n"
      "threads      {:>12}\n"
      "time         {:>12.3f}  s\n",
      outcome.calls, outcome.as_recorded,
      outcome.calls
          ? 100.0 * static_cast<double>(outcome.as_recorded) / static_cast<double>(outcome.calls)
          : 100.0,
      outcome.moves, outcome.touches, outcome.refused, outcome.processes, outcome.threads, seconds);
  if (outcome.mappings_failed)
    text += fmt::format("{} mappings of a program's start failed\n", outcome.mappings_failed);
  for (const RowsLeftOut& rows : outcome.left_out)
    text += left_out_text(rows, path, trace);
  if (outcome.first)
    text += fmt::format("first divergence: {}: expected {}, found {}{}\n",
                        place_of(path, trace, outcome.first->row),
                        value_text(outcome.first->expected), value_text(outcome.first->found),
                        limit_text(trace, outcome.first->row, outcome.first->found));
  return text;
}

int run_replay(const ReplayCommandOptions& opt, std::ostream& out)
{
  const auto input = read_replay_input(opt.trace, opt.copies,
                                       opt.force ? ReplayRoom::as_it_is : ReplayRoom::must_suffice);
  const std::string& name = opt.shown.empty() ? opt.trace : opt.shown;
  if (!input)
    return complain(with_name(input.error(), opt.trace, name));
  const Trace& trace = input->trace;
  if (trace.header.lost)
    std::cerr << fmt::format("rmaplab: the recorder lost {} events of this trace\n",
                             trace.header.lost);
  ReplayOptions options = {.order = opt.order == "tree" ? ReplayOrder::tree : ReplayOrder::strict,
                           .pace = opt.pace == "recorded" ? ReplayPace::recorded : ReplayPace::asap,
                           .copies = opt.copies,
                           .timeout_s = opt.timeout_s,
                           .relocate = opt.relocate};
  if (opt.relocate)
    if (const auto can = Mover::create(way::relocate); !can)
      return complain(can.error());
  VmaCurve curve;
  if (!opt.curve.empty()) {
    if (options.order != ReplayOrder::strict || opt.copies != 1)
      return complain({.code = Errc::usage,
                       .context = "--curve: VMAs are counted in the strict order of one copy"});
    options.look = [&](std::uint32_t process, pid_t pid, std::uint32_t row) {
      curve.look(process, pid, trace.rows[row], row + 1);
    };
    options.pauses = ReplayPauses::calls;
  }
  auto replay = prepare(trace, options);
  if (!replay)
    return complain(replay.error());
  if (options.pace == ReplayPace::recorded && !trace.rows.empty())
    std::cerr << fmt::format("rmaplab: at its recorded pace it takes {:.1f} s\n",
                             static_cast<double>(trace.rows.back().time_ns) * 1e-9);
  const std::uint64_t began_ns = monotonic_ns();
  const auto outcome = play(*replay);
  if (!outcome)
    return complain(outcome.error());
  out << outcome_text(*outcome, name, trace, static_cast<double>(monotonic_ns() - began_ns) * 1e-9);
  if (opt.curve.empty())
    return kDone;
  const auto csv = curve.csv();
  if (!csv)
    return complain(csv.error());
  out << fmt::format("most VMAs    {:>12}\n", curve.most());
  if (opt.curve == "-") {
    out << *csv;
    return kDone;
  }
  if (const auto written = write_file(opt.curve, *csv); !written)
    return complain(written.error());
  return kDone;
}

// Ourselves in one guest, with the trace.
int replay_in_lab(const ReplayCommandOptions& opt, std::ostream& out)
{
  if (!opt.curve.empty() && opt.curve != "-")
    return complain(
        {.code = Errc::usage,
         .context = "--curve: a guest keeps no file; with --kernel expected --curve -"});
  const auto trace = traces_in_guest({opt.trace});
  if (!trace)
    return complain(trace.error());
  std::vector<std::string> words = {program_directory() / "rmaplab",
                                    "replay",
                                    "--order=" + opt.order,
                                    "--pace=" + opt.pace,
                                    fmt::format("--copies={}", opt.copies),
                                    fmt::format("--timeout={}", opt.timeout_s),
                                    "/" + trace->front().path};
  if (opt.relocate)
    words.emplace_back("--relocate");
  if (opt.force)
    words.emplace_back("--force");
  words.push_back("--shown=" + opt.trace);
  if (!opt.curve.empty())
    words.emplace_back("--curve=-");
  auto guest = program_in_guest(words, opt.kernel.architecture);
  if (!guest)
    return complain(guest.error());
  guest->files.insert(guest->files.end(), trace->begin(), trace->end());
  return run_one_guest(opt.kernel_spec, opt, *guest, out);
}

}  // namespace

void add_replay(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<ReplayCommandOptions>();
  auto* cmd =
      app.add_subcommand("replay", "play a recorded program, on the running kernel or in the lab");
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
  cmd->add_flag("--relocate", opt->relocate,
                "ask for MREMAP_RELOCATE_ANON in every mremap that moved");
  cmd->add_option("--curve", opt->curve,
                  "count VMAs after each call that may change their number, into a CSV file\n"
                  "(-: standard output); the time that is printed then means nothing");
  cmd->add_flag("--force", opt->force, "also a trace that the machine has no room for");
  cmd->add_option("--shown", opt->shown)->group("");  // for ourselves in a guest
  cmd->add_option("--timeout", opt->timeout_s,
                  "seconds without progress before it is given up; waiting for a recorded time is\n"
                  "progress")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  cmd->add_option(
      "--kernel", opt->kernel_spec,
      "a kernel in the lab, not the running one: debian:VERSION, an image, a build tree");
  add_lab_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] {
    exit_status =
        opt->kernel_spec.empty() ? run_replay(*opt, std::cout) : replay_in_lab(*opt, std::cout);
  });
}

}  // namespace rmaplab
