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
#include "cli/lab_run.h"
#include "reports/report.h"
#include "results/wire.h"

namespace rmaplab
{

namespace
{

struct RunOptions : LabRunOptions {
  std::string kernel_spec;  // "": the running kernel
  std::string out = "out";
  std::string label;  // "": "host", or the kernel's release
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
      } else if (record.kind == "dmesg") {
        host.run.dmesg += text;
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

// Prints, and ends with the status that a script needs.
int conclude(RunWriter& writer, const Run& run, int status, std::ostream& out)
{
  auto folder = writer.finish();
  if (!folder)
    return complain(folder.error());
  out << run_report(run) << "stored in " << folder->string() << '\n';
  for (const Sample& sample : run.samples)
    if (sample.value.has_value())
      return status;
  return status == kDone ? kNothingRan : status;
}

int run_in_lab(const RunOptions& opt, std::ostream& out)
{
  Screen screen;
  const auto kernel = find_kernel(opt.kernel_spec, opt.kernel, screen.notify());
  if (!kernel)
    return complain(kernel.error());
  const std::string stamp = time_stamp();
  auto writer = RunWriter::create(std::filesystem::path(opt.out) /
                                  (opt.label.empty() ? kernel->release : opt.label) / stamp);
  if (!writer)
    return complain(writer.error());
  auto measured = run_plan_in_lab({*kernel}, opt, screen);
  if (!measured)
    return complain(measured.error());
  KernelRun& one = measured->front();
  int status = tell_failures(one, kernel->release, screen);
  const Run run = as_run(one, *kernel, stamp);
  if (auto stored = writer->store(run); !stored)
    return complain(stored.error());
  if (one.interrupted) {
    screen.note("interrupted; what was measured is in " + writer->partial().string());
    return kInterrupted;
  }
  if (workload_failed(run))
    status = kCheckFailed;
  return conclude(*writer, run, status, out);
}

int run_run(const RunOptions& opt, std::ostream& out)
{
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  if (!opt.kernel_spec.empty()) {
    if (auto checked = check_functions(opt); !checked)
      return complain(checked.error());
    return run_in_lab(opt, out);
  }
  if (opt.functions)
    return complain({.code = Errc::usage,
                     .context = "--functions: instructions are counted in the exact lab only: "
                                "--kernel SPEC"});
  const auto traces = trace_facts(opt.plan);
  if (!traces)
    return complain(traces.error());
  const std::string stamp = time_stamp();
  auto writer = RunWriter::create(std::filesystem::path(opt.out) /
                                  (opt.label.empty() ? "host" : opt.label) / stamp);
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
  run.manifest.insert(traces->begin(), traces->end());
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
  if (!(*host)->complaints.empty())
    warn(std::string(trim((*host)->complaints)));
  return conclude(*writer, run, (*host)->status, out);
}

}  // namespace

void add_run(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<RunOptions>();
  auto* cmd =
      app.add_subcommand("run", "run workloads on the running kernel, or on one in the lab");
  add_plan_options(*cmd, opt->plan);
  cmd->add_option("-o,--out", opt->out, "folder for results")->capture_default_str();
  cmd->add_option("--label", opt->label, "folder in it (default: host, or the kernel's release)");
  cmd->add_option("--kernel", opt->kernel_spec,
                  "boot it in the lab and run there: debian:VERSION, an image, a build tree;\n"
                  "the options below are for it");
  opt->lab.replicas = 1;
  add_lab_run_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_run(*opt, std::cout); });
}

}  // namespace rmaplab
