// SPDX-License-Identifier: GPL-2.0-only
#include "cli/workload_forest.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/process.h"
#include "cli/commands.h"
#include "results/wire.h"
#include "workloads/workload.h"

namespace rmaplab
{

namespace
{

// What came of the runner's `run --passes=forest`.
struct Sent {
  std::string output;           // the forest, or what the runner complained of
  std::vector<Sample> samples;  // none, or one that says why there is no forest
};

Result<std::vector<std::string>> runner_words(const WorkloadForestOptions& opt)
{
  const Workload* workload = find_workload(opt.workload);
  if (!workload)
    return Error{.code = Errc::usage,
                 .context = fmt::format("no workload \"{}\"; see `rmaplab list`", opt.workload)};
  const auto values = opt.arguments.empty() ? Result(workload->quick.front())
                                            : parse_arguments(*workload, opt.arguments);
  if (!values)
    return values.error();
  std::vector<std::string> words = {"run", "--passes=forest", "--workload=" + opt.workload};
  if (!values->empty())
    words.push_back("--arguments=" + arguments_text(*workload, *values));
  add_start(words, opt.kernel.empty() ? "host" : "exact", 1);
  return words;
}

Result<Sent> run_here(std::vector<std::string> words)
{
  words.insert(words.begin(), program_directory() / "rmaplab-runner");
  const auto ran = run_command({.argv = words, .own_group = true});
  if (!ran)
    return ran.error();
  std::vector<Record> records;
  RecordReader reader;
  if (auto fed = reader.feed(ran->out, records); !fed)
    return fed.error();
  Sent sent;
  std::string rows = samples_header();
  for (const Record& record : records)
    if (record.kind == "sample")
      rows += record.payload;
    else if (record.kind == "out" || record.kind == "err")
      sent.output += record.payload;
  if (!sent.output.starts_with('{'))  // what it complained of
    sent.output.insert(0, ran->err);
  auto samples = parse_samples("results of the runner", rows);
  if (!samples)
    return samples.error();
  sent.samples = *std::move(samples);
  return sent;
}

Result<Sent> run_in_guest(const WorkloadForestOptions& opt, const std::vector<std::string>& words)
{
  Screen screen;
  const Notify notify = screen.notify();
  const auto kernel = find_kernel(opt.kernel, opt.kernels, notify);
  if (!kernel)
    return kernel.error();
  auto runs = measure_kernels(
      {*kernel}, {.replicas = 1}, [&](int) { return GuestCommand{.arguments = words}; }, notify,
      [&](const BootProgress& progress) {
        screen.show(progress.fraction, progress.running.empty() ? "" : progress.running[0]);
      });
  if (!runs)
    return runs.error();
  KernelRun& run = runs->front();
  if (run.interrupted)
    return Error{.code = Errc::interrupted, .context = "interrupted"};
  if (!run.failures.empty())
    return Error{.code = Errc::unsupported, .context = run.failures.front()};
  return Sent{.output = std::move(run.output), .samples = std::move(run.samples)};
}

}  // namespace

Result<Forest> forest_of_workload(const WorkloadForestOptions& opt)
{
  const auto words = runner_words(opt);
  if (!words)
    return words.error();
  const auto sent = opt.kernel.empty() ? run_here(*words) : run_in_guest(opt, *words);
  if (!sent)
    return sent.error();
  if (!sent->samples.empty())
    return Error{.code = Errc::unsupported, .context = sent->samples.front().reason};
  if (sent->output.rfind('{', 0) != 0)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("no forest of {}: {}", opt.workload,
                                        sent->output.substr(0, sent->output.find('\n')))};
  return parse_forest("forest of " + opt.workload, sent->output);
}

}  // namespace rmaplab
