// SPDX-License-Identifier: GPL-2.0-only
// record: what a command, or a process tree that runs, does with its address spaces, as a
// trace.
#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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
#include "replay/validate.h"

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
  std::string user;
  std::uint64_t limit_rows = kMaxTraceRows;
  std::uint64_t limit_mb = 0;  // of the temporary file; 0: none
};

// Whom the command runs as.
struct User {
  std::string name;
  std::string home;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

Result<User> find_user(const std::string& name)
{
  struct passwd entry = {};
  struct passwd* found = nullptr;
  std::vector<char> text(1 << 16);
  ::getpwnam_r(name.c_str(), &entry, text.data(), text.size(), &found);
  if (!found)
    return Error{.code = Errc::usage, .context = fmt::format("record: no user {}", name)};
  User user{.name = name,
            .home = found->pw_dir,
            .uid = found->pw_uid,
            .gid = found->pw_gid,
            .groups = std::vector<gid_t>(1024)};
  int count = static_cast<int>(user.groups.size());
  if (::getgrouplist(name.c_str(), user.gid, user.groups.data(), &count) < 0)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("record: {} is in more than 1024 groups", name)};
  user.groups.resize(static_cast<std::size_t>(count));
  return user;
}

// In the child, before exec: nobody is left who could run the command as us.
void become(const User& user)
{
  if (::setgroups(user.groups.size(), user.groups.data()) < 0 || ::setgid(user.gid) < 0 ||
      ::setuid(user.uid) < 0)
    ::_exit(127);
  // It is lost with the user.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
}

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
  std::string why;  // it ended before the program did
};

// Drains until nobody is followed any more, the time is over or the user wants no more.
Result<Ended> watch(const RecordOptions& opt, Recorder& recorder, Child* child,
                    std::uint64_t duration_ns, Screen& screen)
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
      ended.why = fmt::format("after {}, as asked", seconds_text(duration_ns));
    else if (totals.rows >= opt.limit_rows)
      ended.why = fmt::format("at {} rows", opt.limit_rows);
    else if (opt.limit_mb > 0 && totals.bytes >= opt.limit_mb * 1'000'000)
      ended.why = fmt::format("at {} MB of events", opt.limit_mb);
    else if (totals.live_threads >= kMaxLiveThreads)
      ended.why = fmt::format("at {} threads at a time, the most of a trace", kMaxLiveThreads);
    if (!ended.why.empty())
      return ended;
    if (interrupted() && interrupted_ns == 0)
      interrupted_ns = now;
    if (interrupted_ns > 0 && (!child || now - interrupted_ns > kGraceNs)) {
      ended.why = "by a signal";
      return ended;
    }
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

// Also a recording that reached a bound of the reader's is one that it takes.
void keep_what_is_readable(Trace& trace, std::uint64_t limit_rows)
{
  std::string why;
  std::size_t rows = readable_rows(trace, why);
  if (rows > limit_rows) {
    rows = limit_rows;
    why.clear();
  }
  if (rows == trace.rows.size())
    return;
  trace.rows.resize(rows);
  trace.header.complete = false;
  if (!why.empty())
    trace.header.ended = "what came after is no trace: " + why;
  else if (trace.header.ended.empty())
    trace.header.ended = fmt::format("at {} rows", limit_rows);
}

Result<Recorded> record(const RecordOptions& opt, const User* user, double duration_s)
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
  pid_t first = 0;
  if (!opt.pid.empty()) {
    const auto tree = tree_below(opt.pid);
    if (!tree)
      return tree.error();
    if (const auto stat = read_process_stat("/proc", tree->front()))
      name = stat->comm;
    first = tree->front();
    if (auto followed = recorder->follow(*tree); !followed)
      return followed.error();
  } else {
    if (auto follows = recorder->follow_next_child(); !follows)
      return follows.error();
    SpawnOptions spawn{.argv = opt.command, .stdin_fd = 0};
    if (user) {
      spawn.environment = {"USER=" + user->name, "LOGNAME=" + user->name, "HOME=" + user->home};
      spawn.in_child = [user] { become(*user); };
    }
    auto spawned = Child::spawn(spawn);
    if (!spawned)
      return spawned.error();
    child.emplace(*std::move(spawned));
    first = child->pid();
    name = shown_command(opt);
  }
  auto settings = settings_of(first);
  Screen screen;
  auto ended = watch(opt, *recorder, child ? &*child : nullptr,
                     static_cast<std::uint64_t>(duration_s * 1e9), screen);
  if (!ended)
    return ended.error();
  screen.wait("sorting");
  const RecorderTotals totals = recorder->totals();
  const bool asked_before = interrupted();
  auto trace = std::move(*recorder).finish(name, std::move(settings), ended->why);
  if (!trace)
    return trace.error();
  if (trace->header.complete)
    trace->header.ended.clear();
  keep_what_is_readable(*trace, opt.limit_rows);
  const double all = static_cast<double>(std::max<std::size_t>(trace->rows.size(), 1));
  const auto written = write_trace(opt.output, *trace, [&](std::size_t rows) -> Result<> {
    // The signal that ended the recording is not one that ends the writing.
    if (!asked_before && interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    screen.show(static_cast<double>(rows) / all, "writing");
    return ok();
  });
  if (!written)
    return written.error();
  return Recorded{.trace = *std::move(trace), .totals = totals, .ended = *ended};
}

// What was recorded and what was not. On stderr: stdout is the command's.
void say(const RecordOptions& opt, const Recorded& recorded)
{
  const Trace& trace = recorded.trace;
  const RecorderTotals& totals = recorded.totals;
  if (totals.lost > 0)
    warn(fmt::format("record: {} events were lost: a larger --buffer, or a calmer machine",
                     totals.lost));
  if (totals.unfollowed > 0)
    warn(fmt::format("record: {} threads could not be followed", totals.unfollowed));
  if (totals.foreign > 0)
    warn(fmt::format("record: {} calls of 32-bit programs are not in the trace", totals.foreign));
  std::string seen;
  for (const auto& [name, count] : totals.seen)
    seen += fmt::format("{}{} {}", seen.empty() ? "" : ", ", name, count);
  if (!seen.empty())
    warn("record: seen and not in the trace: " + seen);
  std::string end;
  if (!trace.header.complete)
    end = ", incomplete: " +
          (trace.header.ended.empty() ? std::string("it still ran") : trace.header.ended);
  std::error_code error;
  const auto size = std::filesystem::file_size(opt.output, error);
  std::cerr << fmt::format(
      "{}: {} processes, {} threads, {} calls, {} faults, {} lost, {}, {} rows, {:.1f} MB{}\n",
      opt.output, totals.processes, totals.threads, totals.calls, totals.faults, trace.header.lost,
      seconds_text(recorded.ended.wall_ns), trace.rows.size(),
      error ? 0.0 : static_cast<double>(size) * 1e-6, end);
}

// As any reader would; then the command's own status is ours.
int read_back(const RecordOptions& opt, const Recorded& recorded)
{
  std::error_code error;
  if (std::filesystem::is_regular_file(opt.output, error)) {  // not /dev/null, not a pipe
    const auto needs = validate_trace_file(opt.output);
    if (!needs && needs.error().code == Errc::interrupted)
      warn(fmt::format("record: {} was not read back", opt.output));
    else if (!needs)
      return complain(needs.error());
    else
      std::cerr << fmt::format("{}: readable, {} rows\n", opt.output, needs->rows);
  }
  if (opt.command.empty())
    return kDone;
  if (!recorded.ended.status)
    return interrupted() ? int{kInterrupted} : int{kDone};
  const int status = *recorded.ended.status;
  std::cerr << fmt::format("{}: {}\n", opt.command[0], describe_wait_status(status));
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_record(const RecordOptions& opt)
{
  if (opt.pid.empty() == opt.command.empty())
    return complain({.code = Errc::usage, .context = "record: give a command, or --pid PID"});
  const auto duration_s = opt.duration.empty() ? 0.0 : parse_seconds(opt.duration);
  if (!duration_s || *duration_s < 0)
    return complain(
        {.code = Errc::usage,
         .context = fmt::format("record: --for {}: expected a time such as 10s", opt.duration)});
  if (opt.command.empty() && !opt.user.empty())
    return complain({.code = Errc::usage, .context = "record: --user is of a command"});
  if (!opt.command.empty() && !find_program(opt.command[0]))
    return complain(
        {.code = Errc::usage, .context = fmt::format("record: no program {}", opt.command[0])});
  if (auto sound = check_output(opt.output); !sound)
    return complain(sound.error());
  std::optional<User> user;
  if (!opt.user.empty()) {
    auto found = find_user(opt.user);
    if (!found)
      return complain(found.error());
    user = *std::move(found);
  }
  const auto recorded = record(opt, user ? &*user : nullptr, *duration_s);
  if (!recorded)
    return complain(recorded.error());
  say(opt, *recorded);
  return read_back(opt, *recorded);
}

}  // namespace

void add_record(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<RecordOptions>();
  auto* cmd = app.add_subcommand(
      "record",
      "record a command's memory calls, page faults and forks as a trace (root); the exit\n"
      "status is the command's own, 128 and the signal's number where one ended it");
  cmd->add_option("-o,--output", opt->output, "the trace; NAME.csv or NAME.csv.zst")->required();
  cmd->add_flag("--names", opt->names,
                "with names of files and the command line; without, the trace has none");
  cmd->add_option("--buffer", opt->ring_mib, "MiB of memory for what is not yet written")
      ->capture_default_str()
      ->check(CLI::IsMember({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}));
  auto* pid = cmd->add_option("--pid", opt->pid, "record this process and its descendants");
  cmd->add_option("--for", opt->duration, "end after this time, such as 10s or 2m");
  cmd->add_option("--limit-rows", opt->limit_rows,
                  "end when the trace has so many rows; a reader takes no more than by default")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, kMaxTraceRows));
  cmd->add_option("--limit-mb", opt->limit_mb,
                  "end when the events, some 50 to 130 bytes each in a temporary file beside the\n"
                  "trace, have so many MB")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 30));
  cmd->add_option("--user", opt->user, "run the command as this user; rmaplab itself stays root");
  cmd->add_option("COMMAND", opt->command, "after --: the program to run and its arguments")
      ->excludes(pid);
  cmd->prefix_command(false);
  cmd->positionals_at_end();
  cmd->callback([opt, &exit_status] { exit_status = run_record(*opt); });
}

}  // namespace rmaplab
