// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "base/files.h"
#include "base/regular_file.h"
#include "base/ticks.h"
#include "cli/commands.h"
#include "cli/version.h"
#include "replay/replay_input.h"
#include "session/plan.h"
#include "session/replay_workload.h"

namespace rmaplab
{

int complain(const Error& error)
{
  warn(to_string(error));
  switch (error.code) {
    case Errc::interrupted:
      return kInterrupted;
    case Errc::mismatch:
      return kCheckFailed;
    case Errc::os:
    case Errc::parse:
    case Errc::unsupported:
    case Errc::usage:
      break;
  }
  return kUsage;
}

std::string interrupted_text(const std::vector<std::filesystem::path>& kept)
{
  std::string folders;
  for (const auto& folder : kept)
    folders += (folders.empty() ? "" : " and ") + folder.string();
  return folders.empty() ? "interrupted; nothing was measured"
                         : "interrupted; what was measured is in " + folders;
}

void warn(const std::string& line)
{
  std::cerr << "rmaplab: " << line << '\n';
}

namespace
{

// A terminal on which a line can be erased; "dumb" and no name at all know no such thing.
bool can_erase()
{
  const char* const name = std::getenv("TERM");
  return ::isatty(2) == 1 && name && *name && std::string_view(name) != "dumb";
}

}  // namespace

Screen::Screen() : terminal_(can_erase()), told_ns_(monotonic_ns()), began_ns_(told_ns_) {}

Screen::~Screen()
{
  erase();
}

void Screen::erase()
{
  if (drawn_)
    std::cerr << "\r\033[K" << std::flush;
  drawn_ = false;
}

void Screen::note(const std::string& line)
{
  erase();
  std::cerr << "rmaplab: " << line << '\n';
}

void Screen::show(double fraction, const std::string& text)
{
  const double elapsed_s = static_cast<double>(monotonic_ns() - began_ns_) * 1e-9;

  std::string left;
  if (fraction > 0.1)
    left = fmt::format(", {:.0f} s left", std::ceil(elapsed_s / fraction - elapsed_s));
  const std::string line = fmt::format("{:3.0f}%{} | {}", fraction * 100, left, text);
  const auto bar = text.find(" | ");
  if (terminal_)
    draw(line);
  else
    tell(bar == std::string::npos ? "" : text.substr(0, bar), line);
}

void Screen::wait(const std::string& text)
{
  const std::string line =
      fmt::format("{:.0f} s | {}", static_cast<double>(monotonic_ns() - began_ns_) * 1e-9, text);
  if (terminal_)
    draw(line);
  else
    tell("", line);
}

void Screen::tell(const std::string& step, const std::string& line)
{
  const std::uint64_t now = monotonic_ns();
  constexpr std::uint64_t kBetween = 30'000'000'000;
  const bool new_step = told_step_.has_value() && *told_step_ != step;
  told_step_ = step;
  if (!new_step && now - told_ns_ < kBetween)
    return;
  told_ns_ = now;
  note(prefix_ + line);
}

Notify Screen::notify()
{
  return {.show = [this](const std::string& line, Note kind) {
    if (kind == Note::lasting)
      note(line);
    else
      wait(line);
  }};
}

void Screen::draw(const std::string& text)
{
  const std::uint64_t now = monotonic_ns();
  constexpr std::uint64_t kBetween = 200'000'000;
  if (now - drawn_ns_ < kBetween)
    return;
  drawn_ns_ = now;
  struct winsize window = {};
  const std::size_t columns =
      ::ioctl(2, TIOCGWINSZ, &window) == 0 && window.ws_col > 20 ? window.ws_col : 80;
  std::cerr << '\r' << (prefix_ + text).substr(0, columns - 1) << "\033[K" << std::flush;
  drawn_ = true;
}

void add_kernel_options(CLI::App& cmd, KernelOptions& opt)
{
  cmd.add_option("--arch", opt.architecture,
                 "architecture of kernels and guests, in Debian's words")
      ->capture_default_str()
      ->check(CLI::IsMember(architecture_names()));
  cmd.add_option("--mirror", opt.mirror,
                 "URI of a Debian archive (default: the one of this machine's apt sources)");
  cmd.add_flag("--offline", opt.offline, "use cached package lists and kernels only");
}

void add_build_options(CLI::App& cmd, BuildOptions& opt)
{
  cmd.add_option("--source", opt.source,
                 "kernel tree (what is checked out, uncommitted changes too), tarball, or "
                 "debian:VERSION");
  cmd.add_option("--series", opt.series,
                 "an mbox, the text of a thread, a folder of patches, or commits A..B of the "
                 "source, which then is taken at A");
  cmd.add_option("--pick", opt.pick,
                 "which mails of the series, where that is not clear: v2, or their numbers as the "
                 "refusal lists them, in order: 4,1-3");
  cmd.add_flag("--reverse", opt.reverse, "the source has the series: take it off");
  cmd.add_option("--before", opt.before,
                 "a patch below the series, always applied; again for each");
  cmd.add_option(
         "--config", opt.configs,
         fmt::format("fragments on top of bench: {}, or files; a whole .config replaces all",
                     fmt::join(fragment_names(), ", ")))
      ->delimiter(',');
  cmd.add_option("--sandbox", opt.sandbox,
                 "where the source's Makefile runs: on, in a sandbox of bubblewrap; off, as you;\n"
                 "auto, in a sandbox where you are root and it works")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "on", "off"}));
  cmd.add_option("--build-jobs", opt.jobs, "jobs of make (0: one a CPU)")
      ->capture_default_str()
      ->check(CLI::Range(0, 1024));
}

void add_lab_options(CLI::App& cmd, LabCommandOptions& opt)
{
  cmd.add_option("--mode", opt.lab.mode,
                 "exact: one CPU, virtual time counts instructions; smp: CPUs in parallel")
      ->capture_default_str()
      ->check(CLI::IsMember({"exact", "smp"}));
  cmd.add_option("--cpus", opt.lab.cpus, "CPUs of a guest (0: 1 in exact mode, else the host's)")
      ->capture_default_str()
      ->check(CLI::Range(0, 64));
  cmd.add_option("--memory", opt.lab.memory_mib, "MiB of memory of a guest")
      ->capture_default_str()
      ->check(CLI::Range(256, 1 << 20));
  cmd.add_option("--jobs", opt.lab.jobs, "guests at a time (0: the host's CPUs in exact mode)")
      ->capture_default_str()
      ->check(CLI::Range(0, 256));
  cmd.add_option("--hang-timeout", opt.lab.hang_timeout_s,
                 "seconds without a sign of life after which a guest is given up")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
  cmd.add_option("--boot-timeout", opt.lab.boot_timeout_s,
                 "seconds of this machine's time after which a guest is given up")
      ->capture_default_str()
      ->check(CLI::Range(1, 10 * 86400));
  cmd.add_option("--append", opt.lab.extra_kernel_args, "more words for the kernel command line");
  add_kernel_options(cmd, opt.kernel);
}

void add_plan_options(CLI::App& cmd, PlanOptions& opt)
{
  cmd.add_option("-w,--workload", opt.filter, "workloads: globs joined with commas")
      ->capture_default_str();
  cmd.add_option("--preset", opt.preset, "how much: quick or full")
      ->capture_default_str()
      ->check(CLI::IsMember({"quick", "full"}));
  cmd.add_option("--passes", opt.passes,
                 "passes, joined with commas: " + pass_names() +
                     "\n(default: those of the mode; see `rmaplab list --passes`)");
  cmd.add_option("-a,--arguments", opt.arguments,
                 "of one workload, NAME=VALUE[,VALUE...];...: every combination of the values;\n"
                 "what is not named is as in its first quick case");
  cmd.add_option("--trace", opt.traces,
                 "a recorded program to replay, again for each; without -w nothing else runs.\n"
                 "Arguments of `replay`: order=strict|tree, copies=N, moves=recorded|relocate")
      ->allow_extra_args(false);
  cmd.add_option("--pin", opt.pin,
                 "processes and threads of workloads: none, all on one CPU, or spread over them")
      ->capture_default_str()
      ->check(CLI::IsMember({"none", "one", "spread"}));
  cmd.add_option("--case-timeout", opt.case_timeout_s,
                 "seconds one case may take; a guest's own seconds in the lab")
      ->capture_default_str()
      ->check(CLI::Range(1, 86400));
}

std::string PlanOptions::workloads() const
{
  return !traces.empty() && filter == "*" ? std::string(kReplayWorkload) : filter;
}

Result<> check_plan(const PlanOptions& opt)
{
  for (const std::string& path : opt.traces)
    if (const auto input = read_replay_input(path, 1); !input)
      return input.error();
  const auto cases = plan_cases({.preset = opt.preset,
                                 .filter = opt.workloads(),
                                 .arguments = opt.arguments,
                                 .passes = opt.passes,
                                 .traces = opt.traces,
                                 .pin = opt.pin});
  if (!cases)
    return cases.error();
  for (const PlannedCase& planned : *cases)
    if (planned.pass == Pass::forest)
      return Error{.code = Errc::usage,
                   .context = "the pass forest has no figures; see `rmaplab forest --workload`"};
  return ok();
}

std::vector<std::string> runner_arguments(const PlanOptions& opt, const std::string& trace_folder)
{
  std::vector<std::string> words = {"run", "--preset=" + opt.preset,
                                    "--workload=" + opt.workloads(),
                                    "--case-timeout=" + std::to_string(opt.case_timeout_s)};
  if (!opt.passes.empty())
    words.push_back("--passes=" + opt.passes);
  if (!opt.arguments.empty())
    words.push_back("--arguments=" + opt.arguments);
  if (opt.pin != "none")
    words.push_back("--pin=" + opt.pin);
  for (const std::filesystem::path trace : opt.traces)
    words.push_back("--trace=" + (trace_folder.empty() ? std::filesystem::absolute(trace)
                                                       : trace_folder / trace.filename())
                                     .string());
  return words;
}

Result<Manifest> trace_facts(const PlanOptions& opt)
{
  Manifest facts;
  for (const std::string& path : opt.traces) {
    const auto bytes = read_regular_file(path);
    if (!bytes)
      return bytes.error();
    facts["trace." + trace_label(path)] = "sha256 " + sha256(*bytes);
  }
  return facts;
}

void add_start(std::vector<std::string>& arguments, const std::string& mode, int replica)
{
  arguments.push_back("--mode=" + mode);
  arguments.push_back("--replica=" + std::to_string(replica));
}

std::string version()
{
  return kVersion;
}

std::string& command_line()
{
  static std::string line;
  return line;
}

}  // namespace rmaplab
