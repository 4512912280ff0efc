// SPDX-License-Identifier: GPL-2.0-only
// trace: what a recorded program did, and how faithful its replay is.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>

#include "base/files.h"
#include "base/regular_file.h"
#include "cli/lab_run.h"
#include "cli/trace_commands.h"
#include "cli/trace_verify.h"
#include "replay/replay_input.h"
#include "replay/trace_info.h"
#include "session/replay_workload.h"

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

struct VerifyOptions : LabCommandOptions {
  std::vector<std::string> traces;  // the last may be the folder of a run
  std::string kernel_spec;
  bool allow_losses = false;
  int timeout_s = 300;
};

int verify_here(const VerifyOptions& opt, const std::string& path, const Trace& trace,
                std::ostream& out)
{
  const auto fidelity = verify_replay(path, trace, opt.timeout_s);
  if (!fidelity)
    return complain(fidelity.error());
  out << fidelity->text << std::flush;
  return fidelity->faithful ? kDone : kCheckFailed;
}

// Ourselves in one guest, and the traces in a folder of their own.
int verify_in_lab(const VerifyOptions& opt, const std::vector<std::string>& paths,
                  std::ostream& out)
{
  std::vector<std::string> words = {program_directory() / "rmaplab", "trace", "verify",
                                    "--timeout=" + std::to_string(opt.timeout_s)};
  if (opt.allow_losses)
    words.emplace_back("--allow-losses");
  const auto traces = traces_in_guest(paths);
  if (!traces)
    return complain(traces.error());
  for (const ImageFile& file : *traces)
    words.push_back("/" + file.path);
  auto guest = program_in_guest(words, opt.kernel.architecture);
  if (!guest)
    return complain(guest.error());
  guest->files.insert(guest->files.end(), traces->begin(), traces->end());
  return run_one_guest(opt.kernel_spec, opt, *guest, out);
}

// What a stored run says of its replay of the trace: calls, and the VMAs at the busiest moment.
int verify_run(const std::string& folder, const std::string& path, const Trace& trace,
               std::ostream& out)
{
  const auto run = read_run(folder);
  if (!run)
    return complain(run.error());
  const auto bytes = read_regular_file(path);
  if (!bytes)
    return complain(bytes.error());
  const std::string label = trace_label(path);
  const std::string recorded = manifest_value(run->manifest, "trace." + label);
  if (recorded != "sha256 " + sha256(*bytes))
    return complain(
        {.code = Errc::usage,
         .context = fmt::format("{}: {} of {}", folder,
                                recorded.empty() ? "has no replay" : "has another file", path)});
  const std::string arguments = fmt::format("trace={};order=strict;copies=1;moves=recorded", label);
  std::map<std::string, double> values;
  for (const Sample& sample : run->samples)
    if (sample.workload == kReplayWorkload && sample.arguments == arguments && sample.value &&
        sample.site.empty())
      values[sample.metric] = *sample.value;
  if (!values.contains("replay_calls") || !values.contains("vmas"))
    return complain(
        {.code = Errc::usage,
         .context = fmt::format("{}: lacks the pass `state` of {}", folder, arguments)});
  const auto calls = static_cast<std::uint64_t>(values["replay_calls"]);
  const auto diverged = static_cast<std::uint64_t>(values["replay_diverged"]);
  const BusiestMoment busiest = busiest_moment(trace);
  const auto found = static_cast<std::int64_t>(values["vmas"]);
  out << rung("1 calls as recorded", calls - diverged, calls)
      << (busiest.row == kNoRow ? std::string("2 VMAs at their most: the trace has no counts\n")
                                : fmt::format("2 VMAs at their most: {} of {}, after {}\n", found,
                                              busiest.vmas, place_of(path, trace, busiest.row)))
      << "3 objects per process are not in a run: trace verify without one counts them\n"
      << std::flush;
  return diverged == 0 && (busiest.row == kNoRow || found == busiest.vmas) ? kDone : kCheckFailed;
}

// Read, valid, without losses.
Result<Trace> sound_trace(const VerifyOptions& opt, const std::string& path)
{
  auto input = read_replay_input(path, 1);
  if (!input)
    return input.error();
  if (input->trace.header.lost && !opt.allow_losses)
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: the recorder lost {} events, so no replay can be held "
                                        "to it (--allow-losses)",
                                        path, input->trace.header.lost)};
  return std::move(input->trace);
}

int run_verify(const VerifyOptions& opt, std::ostream& out)
{
  std::vector<std::string> paths = opt.traces;
  std::string run;
  if (paths.size() > 1 && std::filesystem::is_directory(paths.back())) {
    run = paths.back();
    paths.pop_back();
  }
  if (!run.empty() && !opt.kernel_spec.empty())
    return complain({.code = Errc::usage,
                     .context = "trace verify: a stored run, or a kernel to replay on: not both"});
  int status = kDone;
  for (const std::string& path : paths) {
    const auto trace = sound_trace(opt, path);
    if (!trace)
      return complain(trace.error());
    if (!opt.kernel_spec.empty())
      continue;
    if (paths.size() > 1)
      out << path << '\n';
    const int one =
        run.empty() ? verify_here(opt, path, *trace, out) : verify_run(run, path, *trace, out);
    status = std::max(status, one);
    if (one == kInterrupted)
      break;
  }
  return opt.kernel_spec.empty() ? status : verify_in_lab(opt, paths, out);
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
      "of VMAs after each, 3. objects that each process allocated (root, x86-64, BTF).\n"
      "Exit status 1 below 100 %, 99.5 % and 98 %, or where a process's greatest or\n"
      "last number of VMAs differs");
  verify
      ->add_option("TRACE", opt->traces,
                   "traces; behind them may stand the folder of a run with --trace: what its\n"
                   "replays were, no other ones")
      ->required();
  verify->add_option("--kernel", opt->kernel_spec,
                     "replay in the lab on this kernel: debian:VERSION, an image, a build tree");
  add_lab_options(*verify, *opt);
  verify->add_flag("--allow-losses", opt->allow_losses, "also of a trace that lacks events");
  verify->add_option("--timeout", opt->timeout_s, "seconds without progress before it is given up")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  verify->callback([opt, &exit_status] { exit_status = run_verify(*opt, std::cout); });
  add_trace_why(*cmd, exit_status);
}

}  // namespace rmaplab
