// SPDX-License-Identifier: GPL-2.0-only
#include "lab/measure.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <list>
#include <numeric>
#include <random>
#include <thread>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/lab_guest.h"
#include "base/text.h"
#include "base/ticks.h"
#include "lab/initramfs.h"
#include "lab/module.h"
#include "lab/qemu.h"
#include "probes/kernel_log.h"
#include "results/gaps.h"

namespace rmaplab
{

namespace
{

struct Job {
  std::size_t kernel = 0;  // index
  int boot = 0;            // 0, 1, ... of this kernel
  int replica = 1;
  int attempt = 1;
};

struct Running {
  Job job;
  Vm vm;
};

int host_cpus()
{
  return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

// DONE TOTAL LABEL of the last progress record.
struct CaseProgress {
  double fraction = 0;
  std::string label = "booting";
};
CaseProgress last_progress(const std::vector<Record>& records)
{
  for (auto it = records.rbegin(); it != records.rend(); ++it) {
    if (it->kind != "progress")
      continue;
    const auto words = split_blanks(it->payload);
    const auto done = words.size() > 2 ? parse_double(words[0]) : std::nullopt;
    const auto total = words.size() > 2 ? parse_double(words[1]) : std::nullopt;
    if (!done || !total || *total <= 0)
      continue;
    const auto label = it->payload.find(words[2], words[0].size() + words[1].size());
    return {.fraction = *done / *total, .label = it->payload.substr(label)};
  }
  return {};
}

// TCG with a thread a CPU lets one CPU run code that another is just patching, and a
// kernel patches its own while it boots. Seen with 7.2: boots of 7.0 now and then, 5 of 8 of
// 6.12, in places that have nothing in common. Worth another try as long as nothing of
// ours has run.
constexpr int kMostAttempts = 3;
bool worth_another_try(const BootReport& report, Accelerator accelerator, int attempt)
{
  return accelerator == Accelerator::tcg && attempt < kMostAttempts && report.records.empty() &&
         (report.outcome == BootOutcome::panicked || report.outcome == BootOutcome::hung);
}

std::string boot_name(const Kernel& kernel, int replica)
{
  return fmt::format("{} replica {}", kernel.release, replica);
}

// A complaint of the kernel's on a console that no case's row tells of: one line, and how
// many more there are. Above the line that the runner writes before its first case it is the
// kernel's boot, which is worth a note and no failure of what was measured later.
void judge_console(KernelRun& run, const std::string& boot, const BootReport& report,
                   const std::vector<Sample>& samples)
{
  const std::string_view console = report.console;
  const auto begin = std::min(console.find(kCasesBegin), console.size());
  auto count = [](const std::vector<std::string>& lines) {
    return lines.size() > 1 ? fmt::format(" (and {} more)", lines.size() - 1) : "";
  };
  if (const auto lines = complaints_of_console(console.substr(0, begin)); !lines.empty())
    run.manifest["kernel_log.boot"] = lines.front() + count(lines);
  std::vector<std::string> unclaimed;
  for (const auto& line : complaints_of_console(console.substr(begin)))
    if (std::none_of(samples.begin(), samples.end(), [&](const Sample& sample) {
          return sample.status == SampleStatus::fail &&
                 sample.reason.str().find(line) != std::string::npos;
        }))
      unclaimed.push_back(line);
  if (!unclaimed.empty())
    run.failures.push_back(fmt::format("{}: kernel log, outside of any case: {}{}", boot,
                                       unclaimed.front(), count(unclaimed)));
}

// The machine's facts are the same in every boot: the first that says one counts, as any boot
// may die before it has said all. A plan is each boot's own.
void take_fact(Manifest& manifest, const std::string& key, const std::string& value, int boot)
{
  manifest.emplace(key == kPlanCases ? fmt::format("{}.{}", key, boot) : key, value);
}

// Takes over what one boot brought. A row that cannot be read is a failure, and costs no other.
void absorb(KernelRun& run, const Kernel& kernel, const Job& job, const BootReport& report)
{
  const std::string boot = boot_name(kernel, job.replica);
  std::string rows = samples_header();
  for (const Record& record : report.records) {
    if (record.kind == "sample")
      rows += record.payload;
    else if (record.kind == "out" || record.kind == "err")
      run.output += record.payload;
    else if (record.kind == "env")
      if (const auto equals = record.payload.find('='); equals != std::string::npos)
        take_fact(run.manifest, record.payload.substr(0, equals), record.payload.substr(equals + 1),
                  job.boot + 1);
  }
  auto [samples, rejected] = parse_readable_samples("results of " + boot, rows);
  judge_console(run, boot, report, samples);
  if (!rejected.empty())
    run.failures.push_back(rows_rejected(rejected));
  for (Sample& sample : samples) {
    sample.boot = job.boot + 1;
    run.samples.push_back(std::move(sample));
  }
  run.dmesg += fmt::format("==> {} <==\n{}\n", boot, report.console);
  if (!report.function_counts.empty())
    run.function_counts[job.boot + 1] = report.function_counts;
  run.guest_status = std::max(run.guest_status, report.guest_status);
  run.interrupted = run.interrupted || report.outcome == BootOutcome::interrupted;

  const auto what = [&]() -> std::string {
    switch (report.outcome) {
      case BootOutcome::finished:
      case BootOutcome::interrupted:
        return {};
      case BootOutcome::panicked:
        return "guest panicked: " + report.reason;
      case BootOutcome::hung:
        return "guest hung: " + report.reason;
      case BootOutcome::ended_early:
        return "guest ended early: " + report.reason;
      case BootOutcome::garbled:
        return "results were damaged: " + report.reason;
    }
    return {};
  }();
  if (what.empty())
    return;
  run.failures.push_back(boot + ": " + what);
  if (run.failed_console.empty())
    run.failed_console = last_lines(report.console, 15);
}

void describe_machine(Manifest& manifest, const Machine& machine, const LabOptions& options,
                      const Kernel& kernel, const std::string& qemu, Accelerator accelerator)
{
  manifest["mode"] = options.mode;
  manifest["replicas"] = std::to_string(options.replicas);
  manifest["plan.boots"] = std::to_string(options.replicas);
  manifest["qemu.version"] = qemu;
  manifest["machine.cpu"] = accelerator == Accelerator::kvm ? "host" : machine.cpu;
  manifest["machine.cpus"] = std::to_string(options.cpus);
  manifest["machine.memory_mib"] = std::to_string(options.memory_mib);
  manifest["machine.accelerator"] = accelerator == Accelerator::icount ? "tcg icount"
                                    : accelerator == Accelerator::tcg  ? "tcg"
                                                                       : "kvm";
  manifest["kernel.spec"] = kernel.spec;
  manifest["kernel.release"] = kernel.release;
  manifest["kernel.source"] = kernel.source;
  if (!kernel.series.empty())
    manifest["kernel.series"] = kernel.series;
  if (!kernel.config_otherwise.empty())
    manifest["kernel.config_otherwise"] = kernel.config_otherwise;
  manifest["kernel.image_sha256"] = kernel.image_sha256;
  manifest["kernel.config_sha256"] = kernel.config_sha256;
}

// "1 2 2": the places of a kernel in the blocks.
std::string places_of(std::size_t kernel, const std::vector<std::vector<std::size_t>>& order)
{
  std::string places;
  for (const auto& block : order) {
    const auto place = std::find(block.begin(), block.end(), kernel) - block.begin();
    places += fmt::format("{}{}", places.empty() ? "" : " ", place + 1);
  }
  return places;
}

}  // namespace

std::vector<std::vector<std::size_t>> boot_order(std::size_t kernels, int boots,
                                                 const std::string& mode, std::uint64_t seed)
{
  std::mt19937_64 random(seed);
  std::vector<std::vector<std::size_t>> blocks(static_cast<std::size_t>(boots));
  for (auto& block : blocks) {
    block.resize(kernels);
    std::iota(block.begin(), block.end(), std::size_t{0});
    if (mode == "smp")
      std::shuffle(block.begin(), block.end(), random);
  }
  return blocks;
}

bool kvm_works(const Machine& machine, const Kernel& kernel, const std::string& initramfs)
{
  if (::access("/dev/kvm", R_OK | W_OK) != 0)
    return false;
  auto vm = Vm::start(machine, {.kernel = kernel.image, .accelerator = Accelerator::kvm}, initramfs,
                      20, 30);
  if (!vm)
    return false;
  const std::uint64_t deadline = monotonic_ns() + 30'000'000'000u;
  while (monotonic_ns() < deadline) {
    if (vm->step())
      return vm->take_report().outcome == BootOutcome::finished;
    if (!vm->records().empty())
      return true;  // our runner said hello: the kernel has booted
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

Result<std::vector<KernelRun>> measure_kernels(const std::vector<Kernel>& kernels,
                                               const LabOptions& given, const CommandOf& command,
                                               const Notify& notify, const ShowProgress& show,
                                               const KeepBoot& keep)
{
  const auto architecture = find_architecture(
      kernels.empty() ? host_architecture() : std::string(kernels[0].architecture.name));
  if (!architecture)
    return architecture.error();
  const auto machine = machine_for(architecture->name);
  if (!machine)
    return machine.error();
  const auto qemu = qemu_version(*machine);
  if (!qemu)
    return qemu.error();
  const auto build = guest_build(*architecture);
  if (!build)
    return build.error();
  auto runner = program_files(build->runner, "init", *build);
  if (!runner)
    return runner.error();
  // Where they were built: what looks on from outside, and PAPI for a guest with a PMU.
  std::vector<std::string> helpers = {"rmaplab-probe"};
  if (!build->sysroot.empty())
    helpers.emplace_back("rmaplab-papi.so");
  for (const std::string& name : helpers) {
    const auto helper = build->runner.parent_path() / name;
    if (!std::filesystem::exists(helper))
      continue;
    const auto files = program_files(helper, name, *build);
    if (!files)
      return files.error();
    runner->insert(runner->end(), files->begin(), files->end());
  }

  LabOptions options = given;
  const bool exact = options.mode == "exact";
  if (options.cpus == 0)
    options.cpus = exact ? 1 : std::max(2, host_cpus());
  if (options.jobs == 0)
    options.jobs = exact ? host_cpus() : 1;

  auto image_of = [&](const Kernel& kernel, int replica) -> Result<std::string> {
    GuestCommand guest = command(replica);
    std::string words;
    for (const auto& argument : guest.arguments)
      words += argument + '\0';
    std::vector<ImageFile> files = *runner;
    files.push_back({.path = kGuestCommand + 1, .content = words});
    if (!kernel.ram_disk.empty()) {
      auto module = read_module(kernel.ram_disk);
      if (!module)
        return module.error();
      files.push_back({.path = kGuestRamDisk + 1, .content = *std::move(module)});
    }
    files.insert(files.end(), guest.files.begin(), guest.files.end());
    return build_initramfs(std::move(files));
  };

  Accelerator accelerator = exact ? Accelerator::icount : Accelerator::tcg;
  if (!exact && !kernels.empty() && architecture->name == host_architecture()) {
    auto image = image_of(kernels[0], options.first_replica);
    if (!image)
      return image.error();
    notify("trying whether KVM boots " + kernels[0].release);
    if (kvm_works(*machine, kernels[0], *image))
      accelerator = Accelerator::kvm;
    notify(accelerator == Accelerator::kvm ? "KVM works" : "KVM does not work here: TCG");
  }

  const std::uint64_t seed = std::random_device()();
  const auto order = boot_order(kernels.size(), options.replicas, options.mode, seed);
  std::deque<Job> waiting;
  for (std::size_t boot = 0; boot < order.size(); ++boot)
    for (const std::size_t kernel : order[boot])
      waiting.push_back({.kernel = kernel,
                         .boot = static_cast<int>(boot),
                         .replica = options.first_replica + static_cast<int>(boot)});
  const std::size_t boots = waiting.size();

  std::vector<KernelRun> runs(kernels.size());
  for (std::size_t i = 0; i < kernels.size(); ++i)
    describe_machine(runs[i].manifest, *machine, options, kernels[i], *qemu, accelerator);
  if (!exact)
    for (std::size_t i = 0; i < kernels.size(); ++i) {
      runs[i].manifest["boots.order"] = places_of(i, order);
      runs[i].manifest["boots.seed"] = std::to_string(seed);
    }

  std::vector<std::vector<std::optional<BootReport>>> reports(
      kernels.size(),
      std::vector<std::optional<BootReport>>(static_cast<std::size_t>(options.replicas)));
  // Nothing: it runs. Where it cannot: what is running goes on, no other is tried.
  std::list<Running> running;
  const auto begin = [&](const Job& job) -> Result<> {
    auto image = image_of(kernels[job.kernel], job.replica);
    if (!image)
      return image.error();
    auto vm =
        Vm::start(*machine,
                  {.kernel = kernels[job.kernel].image,
                   .function_plugin = options.function_plugin,
                   .function_symbols =
                       options.function_plugin.empty() ? "" : options.function_symbols[job.kernel],
                   .accelerator = accelerator,
                   .replica = job.replica,
                   .cpus = options.cpus,
                   .memory_mib = options.memory_mib,
                   .extra_kernel_args = options.extra_kernel_args},
                  *image, options.hang_timeout_s, options.boot_timeout_s);
    if (!vm)
      return vm.error();
    running.push_back({.job = job, .vm = *std::move(vm)});
    return ok();
  };
  std::optional<std::pair<Job, Error>> not_begun;
  std::size_t done = 0;
  while (!waiting.empty() || !running.empty()) {
    if (interrupted())
      waiting.clear();
    while (!waiting.empty() && !interrupted() &&
           running.size() < static_cast<std::size_t>(options.jobs)) {
      const Job job = waiting.front();
      waiting.pop_front();
      if (auto begun = begin(job); !begun) {
        if (done == 0 && running.empty())
          return begun.error();
        not_begun = {job, begun.error()};
        waiting.clear();
      }
    }
    BootProgress progress{.boots_done = done, .boots = boots};
    double finished = static_cast<double>(done);
    for (auto it = running.begin(); it != running.end();) {
      if (it->vm.step()) {
        BootReport report = it->vm.take_report();
        if (worth_another_try(report, accelerator, it->job.attempt)) {
          notify(
              fmt::format("{}: {} before its first word; multi-threaded TCG does that at "
                          "times, trying again",
                          boot_name(kernels[it->job.kernel], it->job.replica), report.reason));
          ++it->job.attempt;
          waiting.push_front(it->job);
          it = running.erase(it);
          continue;
        }
        if (keep) {
          KernelRun boot;
          absorb(boot, kernels[it->job.kernel], it->job, report);
          keep(it->job.kernel, boot);
        }
        reports[it->job.kernel][static_cast<std::size_t>(it->job.boot)] = std::move(report);
        it = running.erase(it);
        ++done;
        finished += 1;
        continue;
      }
      const CaseProgress now = last_progress(it->vm.records());
      // A boot writes some 22 KB and takes about a third of a quick run.
      const double booted =
          now.fraction > 0 ? 1 : std::min(1.0, static_cast<double>(it->vm.console_bytes()) / 22e3);
      finished += 0.3 * booted + 0.7 * now.fraction;
      const std::string& release = kernels[it->job.kernel].release;
      progress.running.push_back(fmt::format("{} #{}: {}", release.substr(0, release.find('+')),
                                             it->job.replica, now.label));
      ++it;
    }
    progress.boots_done = done;
    progress.fraction = boots ? finished / static_cast<double>(boots) : 1;
    show(progress);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

  for (std::size_t kernel = 0; kernel < kernels.size(); ++kernel)
    for (int boot = 0; boot < options.replicas; ++boot) {
      auto& report = reports[kernel][static_cast<std::size_t>(boot)];
      if (report)
        absorb(runs[kernel], kernels[kernel],
               {.kernel = kernel, .boot = boot, .replica = options.first_replica + boot}, *report);
      else if (!not_begun)
        runs[kernel].interrupted = true;
    }
  if (not_begun) {
    const auto& [job, error] = *not_begun;
    runs[job.kernel].failures.push_back(
        fmt::format("{}: could not begin, nor what was to follow: {}",
                    boot_name(kernels[job.kernel], job.replica), to_string(error)));
  }
  return runs;
}

}  // namespace rmaplab
