// SPDX-License-Identifier: GPL-2.0-only
// run: the workloads on the running kernel of this machine.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <iostream>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "reports/report.h"
#include "results/wire.h"

namespace rmaplab
{

namespace
{

struct RunOptions {
  PlanOptions plan;
  std::string out = "out";
  std::string label = "host";
};

struct HostRun {
  Run run;
  std::string complaints;
  int status = kUsage;  // of the runner
  bool ended = false;
};

// Takes records over while the runner works.
Result<HostRun> collect(Child& runner, UniqueFd pipe, Screen& screen)
{
  HostRun host;
  RecordReader reader;
  std::string rows = samples_header();
  while (!interrupted()) {
    std::vector<Record> records;
    const auto more = reader.read_some(pipe.get(), 200, records);
    if (!more)
      return more.error();
    if (!*more)
      break;
    for (const Record& record : records) {
      const std::string& text = record.payload;
      if (record.kind == "sample") {
        rows += text;
      } else if (record.kind == "env") {
        const auto equals = text.find('=');
        host.run.manifest[text.substr(0, equals)] = text.substr(equals + 1);
      } else if (record.kind == "err") {
        host.complaints += text;
      } else if (record.kind == "progress") {
        const auto words = split_blanks(text);
        const double done = parse_double(words[0]).value_or(0);
        const double all = words.size() > 1 ? parse_double(words[1]).value_or(1) : 1;
        screen.show(all > 0 ? done / all : 0, text);
      }
    }
  }
  host.ended = reader.ended();
  if (host.ended)
    if (const auto status = runner.wait(10'000))
      host.status = WIFEXITED(*status) ? WEXITSTATUS(*status) : kCheckFailed;
  auto samples = parse_samples("results of the runner", rows);
  if (!samples)
    return samples.error();
  host.run.samples = *std::move(samples);
  return host;
}

int run_run(const RunOptions& opt, std::ostream& out)
{
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  const std::string stamp = time_stamp();
  auto writer = RunWriter::create(std::filesystem::path(opt.out) / opt.label / stamp);
  if (!writer)
    return complain(writer.error());
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return complain(os_error("pipe"));
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  SpawnOptions options;
  options.argv = runner_arguments(opt.plan);
  add_start(options.argv, "host", 1);
  options.argv.insert(options.argv.begin(), program_directory() / "rmaplab-runner");
  options.stdout_fd = write_end.get();
  options.own_group = true;
  auto runner = Child::spawn(options);
  if (!runner)
    return complain(runner.error());
  write_end.reset();
  std::optional<Result<HostRun>> host;
  {
    Screen screen;
    host = collect(*runner, std::move(read_end), screen);
  }
  if (interrupted()) {
    // It has what a killed process would leave: a trace buffer in the kernel.
    constexpr int kGraceMs = 5000;
    ::kill(runner->pid(), SIGTERM);
    static_cast<void>(runner->wait(kGraceMs));
  }
  runner->kill_and_reap();
  if (!*host)
    return complain(host->error());
  Run& run = (*host)->run;
  for (Sample& sample : run.samples)
    sample.run = stamp;
  run.manifest.insert({{"run", stamp},
                       {"start", stamp},
                       {"mode", "host"},
                       {"kernel.source", "the running kernel"},
                       {"rmaplab.version", version()},
                       {"command", command_line()},
                       {"host.cpu", manifest_value(run.manifest, "guest.cpu")}});
  if (auto stored = writer->store(run); !stored)
    return complain(stored.error());
  if (interrupted()) {
    warn("interrupted; what was measured is in " + writer->partial().string());
    return kInterrupted;
  }
  if (!(*host)->ended) {
    warn("the runner ended before its last record" +
         ((*host)->complaints.empty() ? "" : ": " + (*host)->complaints) + "; see " +
         writer->partial().string());
    return kCheckFailed;
  }
  auto folder = writer->finish();
  if (!folder)
    return complain(folder.error());
  out << run_report(run);
  out << "stored in " << folder->string() << '\n';
  bool any = false;
  for (const Sample& sample : run.samples)
    any = any || sample.value.has_value();
  return any ? (*host)->status : kNothingRan;
}

}  // namespace

void add_run(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<RunOptions>();
  auto* cmd = app.add_subcommand("run", "run workloads on the running kernel");
  add_plan_options(*cmd, opt->plan);
  cmd->add_option("-o,--out", opt->out, "folder for results")->capture_default_str();
  cmd->add_option("--label", opt->label, "folder in it")->capture_default_str();
  cmd->callback([opt, &exit_status] { exit_status = run_run(*opt, std::cout); });
}

}  // namespace rmaplab
