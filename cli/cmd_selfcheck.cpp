// SPDX-License-Identifier: GPL-2.0-only
// selfcheck: what a verdict of this machine is worth. A kernel against itself, and kernels that
// were broken on purpose.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/regular_file.h"
#include "base/text.h"
#include "base/ticks.h"
#include "cli/host_run.h"
#include "cli/keep_values.h"
#include "cli/selfcheck_store.h"
#include "cli/stored_runs.h"
#include "lab/mutant.h"
#include "reports/functions.h"
#include "reports/gate.h"
#include "reports/selfcheck.h"

namespace rmaplab
{

namespace
{

namespace fs = std::filesystem;

struct SelfcheckOptions : LabRunOptions {
  int comparisons = 0;
  std::string kernel_spec = "debian:7.2";
  std::string modes = "exact";
  int boots = 6;
  std::uint64_t seed = 1;
  bool mutants = false;
  std::string mutant_names = "*";
  BuildOptions build;
};

// Kernels of the lab: both sides start alike, comparison after comparison from other replicas.
Result<> add_lab_comparison(const SelfcheckOptions& opt, const Kernel& kernel, int number,
                            SelfcheckStudy& study, Manifest& facts, Screen& screen,
                            std::span<RunWriter> writers)
{
  LabRunOptions lab = opt;
  lab.lab.first_replica = 1 + number * opt.lab.replicas;
  auto measured = run_plan_in_lab({kernel, kernel}, lab, screen, writers);
  if (!measured)
    return measured.error();
  std::vector<Run> runs;
  for (KernelRun& one : *measured) {
    if (one.interrupted)
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    if (tell_failures(one, kernel.release, screen) != kDone)
      return Error{.code = Errc::mismatch, .context = "a guest or a workload failed"};
    runs.push_back(as_run(one, kernel, "selfcheck"));
  }
  facts = runs[0].manifest;
  study.add(runs[0], runs[1]);
  return ok();
}

std::string why_it_failed(const HostRun& host)
{
  for (const Sample& sample : host.run.samples)
    if (sample.status == SampleStatus::fail)
      return fmt::format("{} {}: {}", sample.workload, sample.arguments, sample.reason);
  return "a workload failed: " + std::string(trim(host.complaints));
}

// The running kernel: a run of the plan stands for a boot. In blocks of two, whose order is
// drawn, so that no drift of the machine falls on one side.
Result<> add_host_comparison(const SelfcheckOptions& opt, std::mt19937_64& random,
                             SelfcheckStudy& study, Manifest& facts, Screen& screen,
                             std::span<RunWriter> writers)
{
  Run sides[2];
  ValueKeeper keeper(writers, screen);
  for (int block = 1; block <= opt.boots; ++block) {
    const std::size_t first = random() & 1;
    for (const std::size_t side : {first, 1 - first}) {
      auto host = measure_host(opt.plan, screen,
                               [&](std::span<const Sample> samples, std::string_view dmesg) {
                                 keeper.add(side, samples, dmesg);
                               });
      if (!host)
        return host.error();
      if (interrupted())
        return Error{.code = Errc::interrupted, .context = "interrupted"};
      if (!host->ended || host->status != kDone)
        return Error{.code = Errc::mismatch, .context = why_it_failed(*host)};
      for (Sample& sample : host->run.samples) {
        sample.boot = block;
        sides[side].samples.push_back(std::move(sample));
      }
      sides[side].manifest = host->run.manifest;
    }
  }
  facts = sides[0].manifest;
  study.add(sides[0], sides[1]);
  return ok();
}

int run_aa(const SelfcheckOptions& opt, const std::string& mode, std::ostream& out)
{
  Screen screen;
  SelfcheckOptions one = opt;
  one.lab.mode = mode;
  if (mode == "smp")
    one.lab.replicas = opt.boots;
  std::optional<Kernel> kernel;
  if (mode != "host") {
    auto found = find_kernel(opt.kernel_spec, opt.kernel, screen.notify());
    if (!found)
      return complain(found.error());
    kernel = *std::move(found);
  }
  // Values as they come, for whoever is killed; the study is what stays.
  const auto cache = own_cache_directory();
  if (!cache)
    return complain(cache.error());
  std::vector<RunWriter> writers;
  for (const char* side : {"one", "other"}) {
    auto writer = RunWriter::create(
        *cache / "selfcheck" / fmt::format("{}-{}-{}", mode, time_stamp(), side), screen.notify());
    if (!writer)
      return complain(writer.error());
    writers.push_back(*std::move(writer));
  }
  std::mt19937_64 random(opt.seed);
  SelfcheckStudy study({});
  Manifest run_facts;
  const std::uint64_t began = monotonic_ns();
  Result<> added = ok();
  int done = 0;
  for (; done < opt.comparisons && added; ++done) {
    screen.prefix(fmt::format("comparison {}/{} ", done + 1, opt.comparisons));
    added = kernel ? add_lab_comparison(one, *kernel, done, study, run_facts, screen, writers)
                   : add_host_comparison(one, random, study, run_facts, screen, writers);
  }
  const double each_s = static_cast<double>(monotonic_ns() - began) * 1e-9 / std::max(1, done);
  const Selfcheck check = study.result();
  const std::string release = manifest_value(run_facts, "kernel.release");
  if (check.comparisons > 0)
    out << fmt::format("{} mode, {}, {} preset: {:.0f} s a comparison\n{}\n", mode, release,
                       opt.plan.preset, each_s, selfcheck_text(check))
        << std::flush;
  if (!added) {
    if (writers[0].rows() > 0)
      screen.note(fmt::format("what was measured is in {} and {}", writers[0].partial().string(),
                              writers[1].partial().filename().string()));
    return complain(added.error());
  }
  for (RunWriter& writer : writers)
    writer.discard();
  if (check.rows == 0) {
    screen.note("nothing was judged: no metric of these workloads and passes, or too few boots");
    return kNothingRan;
  }
  Manifest facts = selfcheck_facts(check);
  facts["mode"] = mode;
  facts["preset"] = opt.plan.preset;
  facts["workloads"] = opt.plan.filter;
  facts["start"] = time_stamp();
  facts["seconds"] = fmt::format("{:.0f}", each_s);
  facts["kernel.release"] = release;
  facts["qemu.version"] = manifest_value(run_facts, "qemu.version");
  if (auto stored = store_selfcheck(facts); !stored)
    return complain(stored.error());
  // Exact and deterministic metrics have no level: one alarm is one too many. Noisy ones have,
  // and its interval must hold it.
  const bool allowed = mode != "exact";
  return check.alarmed == 0 || (allowed && rate_is_within(check)) ? kDone : kCheckFailed;
}

struct KernelPair {
  Kernel base;
  Kernel head;
};

struct RunPair {
  Run base;
  Run head;
};

struct Caught {
  bool caught = false;
  std::string seen = "-";  // "+12.3%"
  std::string why;         // where an oracle failed the workload, so that there is no figure
  std::string function;    // the one that the header names, with its rank, or the first
};

// `functions` may be of other kernels than `metric`.
Caught judge_mutant(const Mutant& mutant, const RunPair& metric, const RunPair& functions_of)
{
  // A limit lets its own size pass; the header's is the least that must be seen.
  const double least = std::abs(mutant.change) * 0.999;
  const std::string text = fmt::format(
      "ignore * *\nlimit {0} {1} {2}\ndirection {0} {1} {3}\nplacement {0} {1} 0%\n", mutant.metric,
      mutant.workload, mutant.relative ? fmt::format("{}%", least * 100) : fmt::format("{}", least),
      mutant.change > 0 ? "lower" : "higher");
  const auto policy = Policy::parse(mutant.name, text);
  if (!policy)
    return {.why = to_string(policy.error())};
  const Comparison comparison = compare_runs(metric.base, metric.head);
  const Gate gate = judge(comparison, *policy);
  Caught caught;
  for (const GateRow& row : gate.rows) {
    if (row.row.arguments != mutant.arguments)
      continue;
    caught.caught = caught.caught || row.verdict == GateVerdict::fail;
    if (row.row.metric->name != mutant.metric)
      continue;
    if (row.row.base.spread && row.row.head.spread)
      caught.seen =
          mutant.relative && row.row.change
              ? fmt::format("{:+.3g}%", *row.row.change * 100)
              : fmt::format("{:+.6g}", row.row.head.spread->median - row.row.base.spread->median);
    else
      caught.why = row.why;
  }
  if (mutant.function.empty()) {
    caught.function = "-";
    return caught;
  }
  const auto functions =
      function_changes(functions_of.base, functions_of.head, mutant.workload, mutant.arguments);
  constexpr std::size_t kTop = 3;
  for (std::size_t i = 0; i < std::min(kTop, functions.size()); ++i)
    if (functions[i].function == mutant.function)
      caught.function = fmt::format("{} #{}", mutant.function, i + 1);
  if (caught.function.empty()) {
    caught.caught = false;
    caught.function = functions.empty()
                          ? "none counted"
                          : fmt::format("{}, not {}", functions[0].function, mutant.function);
  }
  return caught;
}

// Checks, in a guest of the unbroken kernel and in one of the broken.
Result<Caught> check_mutant(const Mutant& mutant, const Kernel& base, const Kernel& head,
                            LabOptions lab, Screen& screen)
{
  lab.replicas = 1;
  const auto measured = measure_kernels(
      {base, head}, lab,
      [&](int) {
        return GuestCommand{.arguments = {"check", mutant.check}};
      },
      screen.notify(),
      [&](const BootProgress& progress) {
        screen.show(progress.fraction, progress.running.empty() ? "" : progress.running[0]);
      });
  if (!measured)
    return measured.error();
  const KernelRun& left = measured->front();
  const KernelRun& right = measured->back();
  if (left.interrupted || right.interrupted)
    return Error{.code = Errc::interrupted, .context = "interrupted"};
  if (!left.failures.empty() || left.guest_status != kDone)
    return Caught{.why = "the unbroken kernel fails it too"};
  Caught caught{.caught = !right.failures.empty() || right.guest_status != kDone};
  std::size_t not_ok = 0;
  std::string first;
  for (const auto line : lines_of(right.output))
    if (trim(line).starts_with("not ok ")) {
      first = first.empty() ? std::string(trim(line)) : first;
      ++not_ok;
    }
  caught.seen = fmt::format("{}", not_ok);
  if (!caught.caught)
    return caught;
  caught.function = !first.empty() ? first : right.failures.empty() ? "-" : right.failures[0];
  return caught;
}

std::string row_text(const Mutant& mutant, const Caught& caught)
{
  return fmt::format("{:<28} {:<24} {:>8} {:>11}  {:<7} {}\n", mutant.name,
                     mutant.check.empty() ? mutant.metric : "check " + mutant.check,
                     change_text(mutant), caught.seen, caught.caught ? "caught" : "MISSED",
                     caught.function) +
         (caught.why.empty() ? "" : "    " + caught.why + "\n");
}

Result<std::vector<std::pair<fs::path, Mutant>>> read_mutants(const std::string& names)
{
  std::vector<fs::path> files;
  const fs::path folder = kernel_configs_folder();
  for (const fs::path& one : {folder / "mutants", folder / "relocate-anon" / "mutants"}) {
    const std::size_t before = files.size();
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(one, error))
      if (entry.path().extension() == ".patch" && glob_match(names, entry.path().stem().string()))
        files.push_back(entry.path());
    std::sort(files.begin() + static_cast<std::ptrdiff_t>(before), files.end());
  }
  if (files.empty())
    return Error{.code = Errc::usage,
                 .context = fmt::format("no mutant \"{}\" below {}", names, folder.string())};
  std::vector<std::pair<fs::path, Mutant>> mutants;
  for (const auto& file : files) {
    const auto text = read_regular_file(file);
    if (!text)
      return text.error();
    auto mutant = parse_mutant(file.filename(), *text);
    if (!mutant)
      return mutant.error();
    mutants.emplace_back(file, *std::move(mutant));
  }
  return mutants;
}

Result<Kernel> built(BuildOptions build, const std::string& series, const KernelOptions& options,
                     const Notify& notify)
{
  build.kernel = options;
  build.series = series;
  auto kernel = build_kernel(build, notify);
  if (!kernel)
    return kernel.error();
  return find_kernel(kernel->folder, options, notify);
}

// Builds what a mutant takes, and measures it.
class MutantBench
{
 public:
  MutantBench(const SelfcheckOptions& opt, Screen& screen) : opt_(opt), screen_(screen) {}

  // With the fragment `config` on top of bench, "" for none.
  Result<KernelPair> kernels(const fs::path& file, const Mutant& mutant, const std::string& config)
  {
    BuildOptions build = opt_.build;
    if (!config.empty())
      build.configs.push_back(config);
    if (!mutant.below.empty())
      build.before.push_back(kernel_configs_folder() / mutant.below);
    const std::string wanted = config + "/" + mutant.below;
    if (!bases_.contains(wanted)) {
      auto base = built(build, "", opt_.kernel, screen_.notify());
      if (!base)
        return base.error();
      bases_.emplace(wanted, *std::move(base));
    }
    auto head = built(build, file, opt_.kernel, screen_.notify());
    if (!head)
      return head.error();
    return KernelPair{bases_.at(wanted), *std::move(head)};
  }

  Result<RunPair> measure(const Mutant& mutant, const KernelPair& kernels,
                          const std::string& passes, bool functions)
  {
    LabRunOptions lab = opt_;
    if (lab.plan.passes.empty())
      lab.plan.passes = passes;
    lab.functions = functions;
    lab.plan.filter = mutant.workload;
    lab.plan.arguments = mutant.arguments;
    auto measured = run_plan_in_lab({kernels.base, kernels.head}, lab, screen_);
    if (!measured)
      return measured.error();
    KernelRun& base = measured->front();
    KernelRun& head = measured->back();
    if (base.interrupted || head.interrupted)
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    static_cast<void>(tell_failures(base, "base", screen_));
    static_cast<void>(tell_failures(head, mutant.name, screen_));
    return RunPair{as_run(base, kernels.base, "base"), as_run(head, kernels.head, "head")};
  }

  // Where the metric takes a fragment of its own, the instructions of that kernel are the
  // fragment's more than the fault's: functions are then those of the bench kernel.
  Result<Caught> judge(const fs::path& file, const Mutant& mutant)
  {
    const auto pair = kernels(file, mutant, mutant.config);
    if (!pair)
      return pair.error();
    if (!mutant.check.empty())
      return check_mutant(mutant, pair->base, pair->head, opt_.lab, screen_);
    const bool apart = !mutant.config.empty();
    const auto metric = measure(mutant, *pair, mutant.passes, !apart);
    if (!metric)
      return metric.error();
    if (!apart)
      return judge_mutant(mutant, *metric, *metric);
    const auto bench = kernels(file, mutant, "");
    if (!bench)
      return bench.error();
    const auto functions = measure(mutant, *bench, "bare", true);
    if (!functions)
      return functions.error();
    return judge_mutant(mutant, *metric, *functions);
  }

 private:
  const SelfcheckOptions& opt_;
  Screen& screen_;
  std::map<std::string, Kernel> bases_;  // by fragment and what is below
};

int run_mutants(const SelfcheckOptions& opt, std::ostream& out)
{
  Screen screen;
  const auto mutants = read_mutants(opt.mutant_names);
  if (!mutants)
    return complain(mutants.error());
  MutantBench bench(opt, screen);
  out << fmt::format("{:<28} {:<24} {:>8} {:>11}  {:<7} {}\n", "mutant", "metric", "wanted", "seen",
                     "", "function of the first three");
  std::size_t caught_all = 0;
  for (const auto& [file, mutant] : *mutants) {
    screen.prefix(mutant.name + " ");
    const auto caught = bench.judge(file, mutant);
    if (!caught)
      return complain(caught.error());
    caught_all += caught->caught;
    out << row_text(mutant, *caught) << std::flush;
  }
  out << fmt::format("{} of {} caught\n", caught_all, mutants->size());
  return caught_all == mutants->size() ? kDone : kCheckFailed;
}

int run_selfcheck(const SelfcheckOptions& opt, std::ostream& out)
{
  if (auto checked = check_plan(opt.plan); !checked)
    return complain(checked.error());
  if (opt.comparisons == 0 && !opt.mutants)
    return complain({.code = Errc::usage, .context = "expected --aa N, --mutants or both"});
  int status = kDone;
  if (opt.comparisons > 0)
    for (const auto mode : split(opt.modes, ','))
      if (const int one = run_aa(opt, std::string(mode), out); one != kDone) {
        if (one != kCheckFailed)
          return one;
        status = one;
      }
  if (opt.mutants)
    if (const int one = run_mutants(opt, out); one != kDone)
      return one;
  return status;
}

}  // namespace

void add_selfcheck(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<SelfcheckOptions>();
  auto* cmd = app.add_subcommand(
      "selfcheck", "false alarms, smallest visible change, kernels broken on purpose");
  cmd->add_option("--aa", opt->comparisons, "compare a kernel with itself so many times")
      ->check(CLI::Range(1, 100'000));
  cmd->add_option("--modes", opt->modes, "modes of --aa, joined with commas: exact, smp, host")
      ->capture_default_str()
      ->check([](const std::string& modes) {
        for (const auto mode : split(modes, ','))
          if (mode != "exact" && mode != "smp" && mode != "host")
            return fmt::format("\"{}\" is no mode: exact, smp or host", mode);
        return std::string();
      });
  cmd->add_option("--kernel", opt->kernel_spec, "kernel of --aa in the lab")->capture_default_str();
  cmd->add_option("--boots", opt->boots, "boots a side where time is measured; on the host, runs")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  cmd->add_option("--seed", opt->seed, "of the order of runs on the host")->capture_default_str();
  cmd->add_flag("--mutants", opt->mutants,
                "build the kernels of kernel-configs/mutants, see whether each is caught");
  cmd->add_option("--mutant", opt->mutant_names, "only those: globs joined with commas")
      ->capture_default_str();
  opt->build.source = "debian:7.2";
  add_build_options(*cmd, opt->build);
  add_plan_options(*cmd, opt->plan);
  opt->lab.replicas = 1;
  add_lab_run_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] { exit_status = run_selfcheck(*opt, std::cout); });
}

}  // namespace rmaplab
