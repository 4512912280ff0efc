// SPDX-License-Identifier: GPL-2.0-only
#include "cli/host_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "results/gaps.h"
#include "results/wire.h"

namespace rmaplab
{

namespace
{

// Takes records over while the runner works.
HostRun collect(Child& runner, UniqueFd pipe, Screen& screen, const KeepCase& keep)
{
  HostRun host;
  RecordReader reader;
  std::string rows = samples_header();
  while (!interrupted()) {
    std::vector<Record> records;
    const auto more = reader.read_some(pipe.get(), 200, records);
    std::string fresh = samples_header();
    std::string log;
    for (const Record& record : records) {
      const std::string& text = record.payload;
      if (record.kind == "sample") {
        rows += text;
        fresh += text;
      } else if (record.kind == "env") {
        const auto equals = text.find('=');
        const std::string key = text.substr(0, equals);
        host.run.manifest[key == kPlanCases ? key + ".1" : key] = text.substr(equals + 1);
      } else if (record.kind == "dmesg") {
        log += text;
      } else if (record.kind == "err") {
        host.complaints += text;
      } else if (record.kind == "progress") {
        const auto words = split_blanks(text);
        const double done = parse_double(words[0]).value_or(0);
        const double all = words.size() > 1 ? parse_double(words[1]).value_or(1) : 1;
        screen.show(all > 0 ? done / all : 0, text);
      }
    }
    host.run.dmesg += log;
    if (keep)
      keep(parse_readable_samples("", fresh).samples, log);
    if (!more)
      host.complaints += to_string(more.error()) + "\n";
    if (!more || !*more)
      break;
  }
  // Runs of one boot of a machine are no boots of it (Linux, drivers/char/random.c).
  if (const auto id = read_file("/proc/sys/kernel/random/boot_id"))
    host.run.manifest["host.boot_id"] = trim(*id);
  host.ended = reader.ended();
  if (host.ended)
    if (const auto status = runner.wait(10'000))
      host.status = WIFEXITED(*status) ? WEXITSTATUS(*status) : kCheckFailed;
  auto [samples, rejected] = parse_readable_samples("results of the runner", rows);
  host.run.samples = std::move(samples);
  if (!rejected.empty()) {
    host.run.manifest["failure.1"] = rows_rejected(rejected);
    host.complaints += rows_rejected(rejected) + "\n";
    host.status = kCheckFailed;
  }
  return host;
}

}  // namespace

Result<HostRun> measure_host(const PlanOptions& plan, Screen& screen, const KeepCase& keep)
{
  const auto traces = trace_facts(plan);
  if (!traces)
    return traces.error();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return os_error("pipe");
  UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  SpawnOptions options;
  options.argv = runner_arguments(plan);
  add_start(options.argv, "host", 1);
  options.argv.insert(options.argv.begin(), program_directory() / "rmaplab-runner");
  options.stdout_fd = write_end.get();
  options.own_group = true;
  auto runner = Child::spawn(options);
  if (!runner)
    return runner.error();
  write_end.reset();
  auto host = collect(*runner, std::move(read_end), screen, keep);
  if (interrupted()) {
    // It has what a killed process would leave: a trace buffer in the kernel.
    constexpr int kGraceMs = 5000;
    ::kill(runner->pid(), SIGTERM);
    static_cast<void>(runner->wait(kGraceMs));
  }
  runner->kill_and_reap();
  Manifest& manifest = host.run.manifest;
  manifest.insert(traces->begin(), traces->end());
  manifest.insert({{"mode", "host"},
                   {"plan.boots", "1"},
                   {"kernel.source", "the running kernel"},
                   {"rmaplab.version", version()},
                   {"command", command_line()},
                   {"host.cpu", manifest_value(manifest, "guest.cpu")}});
  host.run.gaps = gaps_of(manifest, host.run.samples);
  return host;
}

}  // namespace rmaplab
