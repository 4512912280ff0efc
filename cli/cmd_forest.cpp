// SPDX-License-Identifier: GPL-2.0-only
// forest: the anon_vma forest of running processes, of a command or of a workload, and how
// two differ.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iostream>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/regular_file.h"
#include "base/ticks.h"
#include "cli/commands.h"
#include "cli/forest_why.h"
#include "cli/workload_forest.h"
#include "probes/forest_reader.h"
#include "probes/process_tree.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

struct ForestOptions {
  std::vector<std::string> words;  // PIDs, or with --cmd a command
  bool tree = false;
  bool command = false;
  bool why = false;
  double after_s = 1;
  std::vector<std::string> diff;
  std::string format = "text";
  std::string range;  // "": the arena for a workload, else all
  WorkloadForestOptions workload;
  std::string output;
};

Result<std::vector<pid_t>> parse_pids(const std::vector<std::string>& words)
{
  std::vector<pid_t> pids;
  for (const auto& word : words) {
    const auto pid = parse_pid(word);
    if (!pid)
      return pid.error();
    pids.push_back(*pid);
  }
  if (pids.empty())
    return Error{
        .code = Errc::usage,
        .context = "forest: give PIDs, --workload NAME, --cmd COMMAND or --diff A.json B.json"};
  return pids;
}

Result<std::vector<pid_t>> tree_of(const std::vector<pid_t>& pids)
{
  const auto processes = read_processes("/proc");
  if (!processes)
    return processes.error();
  return with_descendants(*processes, pids);
}

// Of processes that live on while they are read: one that ends meanwhile was in the list
// and is no more, so the list is made again.
Result<Forest> read_tree(const ForestReader& reader, const std::vector<pid_t>& pids)
{
  for (int attempt = 1;; ++attempt) {
    const auto tree = tree_of(pids);
    if (!tree)
      return tree.error();
    auto forest = reader.read(*tree);
    constexpr int kAttempts = 5;
    if (forest || forest.error().sys_errno != ESRCH || attempt == kAttempts)
      return forest;
  }
}

// Stopped, or `after_s` seconds old. Errc::os when it ends before.
Result<> wait_for_rest(Child& child, const std::string& name, double after_s)
{
  const std::uint64_t end = monotonic_ns() + static_cast<std::uint64_t>(after_s * 1e9);
  constexpr int kPollMs = 10;
  do {
    const auto left_ms = static_cast<std::int64_t>(end - monotonic_ns()) / 1'000'000;
    if (const auto status =
            child.wait(static_cast<int>(std::clamp<std::int64_t>(left_ms, 0, kPollMs))))
      return Error{.code = Errc::usage,
                   .context = fmt::format("{} ended before its forest was read: {}", name,
                                          describe_wait_status(*status))};
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    const auto stat = read_process_stat("/proc", child.pid());
    if (stat && stat->state == 'T')
      return ok();
  } while (monotonic_ns() < end);
  return ok();
}

Result<Forest> forest_of_command(const ForestReader& reader, const ForestOptions& opt)
{
  if (opt.words.empty())
    return Error{.code = Errc::usage, .context = "forest --cmd: give the command"};
  auto child = Child::spawn({.argv = opt.words, .stdout_fd = 2, .own_group = true});
  if (!child)
    return child.error();
  if (auto rest = wait_for_rest(*child, opt.words[0], opt.after_s); !rest)
    return rest.error();
  ::kill(-child->pid(), SIGSTOP);  // nothing moves while it is read
  auto forest = read_tree(reader, {child->pid()});
  // ~Child kills its group; these are descendants that left it.
  if (const auto left = tree_of({child->pid()}))
    for (const pid_t pid : *left)
      ::kill(pid, SIGKILL);
  return forest;
}

Result<Forest> read_forest(const ForestOptions& opt)
{
  if (!opt.workload.workload.empty())
    return forest_of_workload(opt.workload);
  std::error_code error;
  if (!opt.command && !opt.words.empty() && std::filesystem::is_regular_file(opt.words[0], error))
    return Error{
        .code = Errc::usage,
        .context = opt.words[0] +
                   " is a file: give PIDs, or --cmd -- COMMAND; the text of /proc/PID/maps "
                   "has no anon_vmas, and a stored forest (--format json) is for --diff"};
  const auto pids = opt.command ? Result(std::vector<pid_t>()) : parse_pids(opt.words);
  if (!pids)
    return pids.error();
  const auto reader = ForestReader::open();
  if (!reader)
    return reader.error();
  if (opt.command)
    return forest_of_command(*reader, opt);
  return opt.tree ? read_tree(*reader, *pids) : reader->read(*pids);
}

Result<Forest> load_forest(const std::string& path)
{
  const auto text = read_regular_file(path);
  if (!text)
    return text.error();
  return parse_forest(path, *text);
}

Forest only_range(Forest forest, const std::string& range)
{
  if (range != "arena")
    return forest;
  return in_range(std::move(forest), {.begin = kArenaBegin, .end = kArenaEnd});
}

Result<std::string> why_of(const ForestOptions& opt)
{
  const auto pids = parse_pids(opt.words);
  if (!pids)
    return pids.error();
  std::string text;
  for (const pid_t pid : *pids) {
    const auto one = forest_why(pid);
    if (!one)
      return one.error();
    text += (text.empty() ? "" : "\n") + *one;
  }
  return text;
}

Result<std::string> output_of(const ForestOptions& opt)
{
  if (opt.why)
    return why_of(opt);
  if (!opt.diff.empty()) {
    auto a = load_forest(opt.diff[0]);
    if (!a)
      return a.error();
    auto b = load_forest(opt.diff[1]);
    if (!b)
      return b.error();
    return diff(only_range(*std::move(a), opt.range), only_range(*std::move(b), opt.range));
  }
  auto forest = read_forest(opt);
  if (!forest)
    return forest.error();
  const bool own = opt.range.empty() && !opt.workload.workload.empty();
  const Forest shown = only_range(*std::move(forest), own ? "arena" : opt.range);
  if (opt.format == "json")
    return to_json(shown);
  return opt.format == "dot" ? to_dot(shown) : to_text(shown);
}

int run_forest(const ForestOptions& opt, std::ostream& out)
{
  const auto text = output_of(opt);
  if (!text)
    return complain(text.error());
  if (opt.output.empty()) {
    out << *text << std::flush;
    return kDone;
  }
  const auto written = write_file(opt.output, *text);
  return written ? kDone : complain(written.error());
}

}  // namespace

void add_forest(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<ForestOptions>();
  auto* cmd = app.add_subcommand(
      "forest", "the anon_vmas of running processes: trees, chains, reuse candidates (root)");
  auto* words = cmd->add_option("PID", opt->words, "processes; with --cmd, after --: a command");
  auto* tree = cmd->add_flag("--tree", opt->tree, "with all their descendants");
  auto* command = cmd->add_flag(
      "--cmd", opt->command,
      "start this command, read its process tree once it has stopped, or --after SECONDS; end it");
  cmd->add_flag("--why", opt->why,
                "what keeps neighbouring VMAs from being one, as /proc/PID/smaps has them; their\n"
                "anon_vmas where BPF may be used (root)")
      ->needs(words)
      ->excludes(tree)
      ->excludes(command);
  cmd->add_option("--after", opt->after_s, "seconds that --cmd waits")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 86400.0))
      ->needs(command);
  auto* workload =
      cmd->add_option("--workload", opt->workload.workload,
                      "run this workload, read its processes while it holds its state still")
          ->excludes(words)
          ->excludes(tree)
          ->excludes(command);
  cmd->add_option("--arguments", opt->workload.arguments,
                  "of the workload, such as 'depth=2;vmas=3' (default: its first quick case)")
      ->needs(workload);
  cmd->add_option("--kernel", opt->workload.kernel,
                  "run the workload in a guest: debian:VERSION, an image, a build tree\n"
                  "(default: the running kernel)")
      ->needs(workload);
  add_kernel_options(*cmd, opt->workload.kernels);
  cmd->add_option("--diff", opt->diff, "how two stored forests (--format json) differ")
      ->expected(2)
      ->excludes(words)
      ->excludes(tree)
      ->excludes(command)
      ->excludes(workload);
  cmd->add_option("--format", opt->format, "text, dot (Graphviz) or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "dot", "json"}));
  cmd->add_option("--range", opt->range,
                  "all VMAs, or those in the workloads' arena (default: all; arena of a workload)")
      ->check(CLI::IsMember({"all", "arena"}));
  cmd->add_option("-o,--output", opt->output, "write to this file");
  cmd->callback([opt, &exit_status] { exit_status = run_forest(*opt, std::cout); });
}

}  // namespace rmaplab
