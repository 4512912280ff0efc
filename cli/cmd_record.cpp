// SPDX-License-Identifier: GPL-2.0-only
// record: what a command, or a process tree that runs, does with its address spaces, as a
// trace.
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/text.h"
#include "base/ticks.h"
#include "cli/commands.h"
#include "cli/object_rules.h"
#include "probes/process_tree.h"
#include "replay/recorder.h"
#include "replay/trace_io.h"

namespace rmaplab
{

namespace
{

struct RecordOptions {
  std::string output;
  std::vector<std::string> command;
  std::string pid;
  std::string duration;
  std::size_t ring_mib = 64;
  bool names = false;
};

// "10s", "500ms", "2m" or seconds.
std::optional<double> parse_seconds(std::string_view text)
{
  constexpr std::pair<std::string_view, double> kUnits[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}};
  for (const auto& [unit, seconds] : kUnits)
    if (text.size() > unit.size() && text.substr(text.size() - unit.size()) == unit) {
      const auto number = parse_double(text.substr(0, text.size() - unit.size()));
      if (number)
        return *number * seconds;
    }
  return parse_double(text);
}

Result<> check_output(const std::string& path)
{
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty() && !std::filesystem::is_directory(folder, error))
    return Error{.code = Errc::usage,
                 .context = fmt::format("record: no folder {}", folder.string())};
  if (std::filesystem::is_directory(path, error))
    return Error{.code = Errc::usage, .context = fmt::format("record: {} is a folder", path)};
  return ok();
}

std::string folder_of(const std::string& path)
{
  const auto folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

std::string seconds_text(std::uint64_t ns)
{
  return fmt::format("{:.1f} s", static_cast<double>(ns) * 1e-9);
}

// The ring of 64 MiB holds more than a million events: looked at some 100 times a second it
// never fills, and no record has to wake anybody.
constexpr int kPollMs = 10;

struct Ended {
  std::optional<int> status;  // of the command
  std::uint64_t wall_ns = 0;
};

// Drains until nobody is followed any more, the time is over or the user wants no more.
Result<Ended> watch(Recorder& recorder, Child* child, std::uint64_t duration_ns, Screen& screen)
{
  const std::uint64_t began = monotonic_ns();
  // After Ctrl-C, for the command to end by the same signal.
  constexpr std::uint64_t kGraceNs = 2'000'000'000;
  std::uint64_t interrupted_ns = 0;
  Ended ended;
  for (;;) {
    if (auto drained = recorder.drain(); !drained)
      return drained.error();
    const RecorderTotals totals = recorder.totals();
    const std::uint64_t now = monotonic_ns();
    if (child)
      ended.status = child->poll();
    ended.wall_ns = now - began;
    if (totals.live_threads == 0 && (!child || ended.status))
      return ended;
    if (duration_ns > 0 && ended.wall_ns >= duration_ns)
      return ended;
    if (interrupted() && interrupted_ns == 0)
      interrupted_ns = now;
    if (interrupted_ns > 0 && (!child || now - interrupted_ns > kGraceNs))
      return ended;
    screen.wait(fmt::format("{} calls, {} faults, {} processes live, {} MB{}",
                            grouped(static_cast<double>(totals.calls)),
                            grouped(static_cast<double>(totals.faults)), totals.live_threads,
                            totals.bytes / 1'000'000,
                            totals.lost > 0 ? fmt::format(", {} lost", totals.lost) : ""));
    constexpr struct timespec kPause = {.tv_sec = 0, .tv_nsec = kPollMs * 1'000'000};
    if (!child || ended.status)
      ::nanosleep(&kPause, nullptr);
    else if (!interrupted())
      static_cast<void>(child->wait(kPollMs));
    else
      ::nanosleep(&kPause, nullptr);
  }
}

Result<std::vector<pid_t>> tree_below(const std::string& text)
{
  const auto pid = parse_pid(text);
  if (!pid)
    return pid.error();
  if (auto stat = read_process_stat("/proc", *pid); !stat)
    return stat.error();
  const auto processes = read_processes("/proc");
  if (!processes)
    return processes.error();
  auto tree = with_descendants(*processes, {*pid});
  if (std::ranges::find(tree, ::getpid()) != tree.end())
    return Error{.code = Errc::usage,
                 .context = fmt::format("record: {} is an ancestor of the recorder", *pid)};
  return tree;
}

// Arguments may tell more than a trace should.
std::string shown_command(const RecordOptions& opt)
{
  if (!opt.names)
    return std::filesystem::path(opt.command[0]).filename().string();
  std::string shown;
  for (const auto& word : opt.command)
    shown += (shown.empty() ? "" : " ") + shell_quote(word);
  std::ranges::replace(shown, '\n', ' ');  // a line of the header is a line
  return shown;
}

struct Recorded {
  Trace trace;
  RecorderTotals totals;
  Ended ended;
};

Result<Recorded> record(const RecordOptions& opt, double duration_s)
{
  auto rules = object_rules();
  auto recorder = Recorder::open({.ring_mib = opt.ring_mib,
                                  .names = opt.names,
                                  .spool_folder = folder_of(opt.output),
                                  .objects = rules ? *rules : ObjectRules()});
  if (!recorder)
    return recorder.error();
  if (!recorder->objects_refused().empty())
    warn("record: allocations are not counted: " +
         (rules ? recorder->objects_refused() : to_string(rules.error())));
  std::optional<Child> child;
  std::string name;
  if (!opt.pid.empty()) {
    const auto tree = tree_below(opt.pid);
    if (!tree)
      return tree.error();
    if (const auto stat = read_process_stat("/proc", tree->front()))
      name = stat->comm;
    if (auto followed = recorder->follow(*tree); !followed)
      return followed.error();
  } else {
    if (auto follows = recorder->follow_next_child(); !follows)
      return follows.error();
    auto spawned = Child::spawn({.argv = opt.command, .stdin_fd = 0});
    if (!spawned)
      return spawned.error();
    child.emplace(*std::move(spawned));
    name = shown_command(opt);
  }
  Screen screen;
  auto ended = watch(*recorder, child ? &*child : nullptr,
                     static_cast<std::uint64_t>(duration_s * 1e9), screen);
  if (!ended)
    return ended.error();
  screen.wait("sorting");
  const RecorderTotals totals = recorder->totals();
  auto trace = std::move(*recorder).finish(name);
  if (!trace)
    return trace.error();
  return Recorded{.trace = *std::move(trace), .totals = totals, .ended = *ended};
}

int run_record(const RecordOptions& opt, std::ostream& out)
{
  if (opt.pid.empty() == opt.command.empty())
    return complain({.code = Errc::usage, .context = "record: give a command, or --pid PID"});
  const auto duration_s = opt.duration.empty() ? 0.0 : parse_seconds(opt.duration);
  if (!duration_s || *duration_s < 0)
    return complain(
        {.code = Errc::usage,
         .context = fmt::format("record: --for {}: expected a time such as 10s", opt.duration)});
  if (!opt.command.empty() && !find_program(opt.command[0]))
    return complain(
        {.code = Errc::usage, .context = fmt::format("record: no program {}", opt.command[0])});
  if (auto sound = check_output(opt.output); !sound)
    return complain(sound.error());
  const auto recorded = record(opt, *duration_s);
  if (!recorded)
    return complain(recorded.error());
  const Trace& trace = recorded->trace;
  if (auto written = write_trace(opt.output, trace); !written)
    return complain(written.error());
  const RecorderTotals& totals = recorded->totals;
  if (totals.lost > 0)
    warn(fmt::format("record: {} events were lost: a larger --buffer, or a calmer machine",
                     totals.lost));
  if (totals.unfollowed > 0)
    warn(fmt::format("record: {} threads could not be followed", totals.unfollowed));
  if (totals.foreign > 0)
    warn(fmt::format("record: {} calls of 32-bit programs are not in the trace", totals.foreign));
  if (recorded->ended.status)
    out << fmt::format("{}: {}\n", opt.command[0], describe_wait_status(*recorded->ended.status));
  std::error_code error;
  const auto size = std::filesystem::file_size(opt.output, error);
  out << fmt::format(
      "{}: {} processes, {} threads, {} calls, {} faults, {} lost, {}, {} rows, {:.1f} MB{}\n",
      opt.output, totals.processes, totals.threads, totals.calls, totals.faults, trace.header.lost,
      seconds_text(recorded->ended.wall_ns), trace.rows.size(),
      error ? 0.0 : static_cast<double>(size) * 1e-6,
      trace.header.complete ? "" : ", incomplete: it still ran");
  return kDone;
}

}  // namespace

void add_record(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<RecordOptions>();
  auto* cmd = app.add_subcommand(
      "record", "record a command's memory calls, page faults and forks as a trace (root)");
  cmd->add_option("-o,--output", opt->output, "the trace; NAME.csv or NAME.csv.zst")->required();
  cmd->add_flag("--names", opt->names,
                "with names of files and the command line; without, the trace has none");
  cmd->add_option("--buffer", opt->ring_mib, "MiB of memory for what is not yet written")
      ->capture_default_str()
      ->check(CLI::IsMember({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}));
  auto* pid = cmd->add_option("--pid", opt->pid, "record this process and its descendants");
  cmd->add_option("--for", opt->duration, "end after this time, such as 10s or 2m");
  cmd->add_option("COMMAND", opt->command, "after --: the program to run and its arguments")
      ->excludes(pid);
  cmd->prefix_command(false);
  cmd->positionals_at_end();
  cmd->callback([opt, &exit_status] { exit_status = run_record(*opt, std::cout); });
}

}  // namespace rmaplab
