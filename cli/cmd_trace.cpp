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
#include "replay/machine_room.h"
#include "replay/replay_input.h"
#include "replay/trace_info.h"
#include "session/replay_workload.h"

namespace rmaplab
{

namespace
{

int run_info(const std::string& path, std::ostream& out)
{
  const MachineRoom room = read_machine_room();
  const auto summary = summarize_trace(path, room.huge_pages);
  if (!summary)
    return complain(summary.error());
  out << to_text(*summary);
  if (const auto lack = lack_of_room(summary->needs, 1, room))
    out << "\nnot here: " << *lack << '\n';
  out << std::flush;
  return kDone;
}

struct VerifyOptions : LabCommandOptions {
  std::vector<std::string> traces;  // the last may be the folder of a run
  std::string kernel_spec;
  std::vector<std::string> shown;  // names of the traces for a reader: those of another machine
  bool allow_losses = false;
  bool force = false;
  int timeout_s = 300;
};

int verify_here(const VerifyOptions& opt, const std::string& path, const ReplayInput& input,
                std::ostream& out)
{
  const auto fidelity = verify_replay(path, input, opt.timeout_s);
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
  if (opt.force)
    words.emplace_back("--force");
  for (const std::string& path : paths)
    words.push_back("--shown=" + path);
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
int verify_run(const std::string& folder, const std::string& path, const ReplayInput& input,
               std::ostream& out)
{
  const Trace& trace = input.trace;
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
      << "3 objects per process are not in a run: trace verify without one counts them\n";
  const auto touches = static_cast<std::uint64_t>(values["replay_touches"]);
  const auto refused = static_cast<std::uint64_t>(values["replay_refused"]);
  const std::uint64_t outside = input.outside.size();
  const std::uint64_t beyond = refused - std::min(refused, outside);
  out << rung("4 page touches", touches - std::min(touches, beyond), touches)
      << fmt::format("  {} refused; {} are outside of the trace's own mappings\n", refused, outside)
      << std::flush;
  const bool same_vmas = busiest.row == kNoRow || found == busiest.vmas;
  return diverged == 0 && same_vmas && beyond == 0 ? kDone : kCheckFailed;
}

// Read, valid, without losses. A guest has room of its own, and looks itself.
Result<ReplayInput> sound_trace(const VerifyOptions& opt, const std::string& path)
{
  const bool any_room = opt.force || !opt.kernel_spec.empty();
  auto input =
      read_replay_input(path, 1, any_room ? ReplayRoom::as_it_is : ReplayRoom::must_suffice);
  if (!input)
    return input.error();
  if (input->trace.header.lost && !opt.allow_losses)
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: the recorder lost {} events, so no replay can be held "
                                        "to it (--allow-losses)",
                                        path, input->trace.header.lost)};
  return input;
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
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const std::string& path = paths[i];
    const std::string& name = i < opt.shown.size() ? opt.shown[i] : path;
    const auto input = sound_trace(opt, path);
    if (!input)
      return complain(with_name(input.error(), path, name));
    if (!opt.kernel_spec.empty())
      continue;
    if (paths.size() > 1)
      out << name << '\n';
    const int one =
        run.empty() ? verify_here(opt, name, *input, out) : verify_run(run, path, *input, out);
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
      "of VMAs after each, 3. objects that each process allocated (root, x86-64, BTF),\n"
      "4. page touches. Exit status 1 below 100 %, 99.5 %, 98 % and 100 %, or where a\n"
      "process's greatest or last number of VMAs differs");
  verify
      ->add_option("TRACE", opt->traces,
                   "traces; behind them may stand the folder of a run with --trace: what its\n"
                   "replays were, no other ones")
      ->required();
  verify->add_option("--kernel", opt->kernel_spec,
                     "replay in the lab on this kernel: debian:VERSION, an image, a build tree");
  add_lab_options(*verify, *opt);
  verify->add_flag("--allow-losses", opt->allow_losses, "also of a trace that lacks events");
  verify->add_flag("--force", opt->force, "also of a trace that the machine has no room for");
  verify->add_option("--shown", opt->shown)->allow_extra_args(false)->group("");  // in a guest
  verify->add_option("--timeout", opt->timeout_s, "seconds without progress before it is given up")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  verify->callback([opt, &exit_status] { exit_status = run_verify(*opt, std::cout); });
  add_trace_cut(*cmd, exit_status);
  add_trace_import(*cmd, exit_status);
  add_trace_why(*cmd, exit_status);
}

}  // namespace rmaplab
