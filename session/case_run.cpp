// SPDX-License-Identifier: GPL-2.0-only
#include "session/case_run.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/prctl.h>

#include "base/files.h"
#include "base/text.h"
#include "probes/idle_time.h"
#include "results/metric.h"
#include "session/pass_probe.h"
#include "session/rows.h"
#include "stats/spread.h"
#include "workloads/arena.h"
#include "workloads/processes.h"

namespace rmaplab
{

namespace
{

// What one call of the workload by Google Benchmark left behind.
struct Repetition {
  std::vector<double> ticks;  // one an operation
  std::optional<Error> failure;
  Meter::Outcomes outcomes;
  std::uint64_t idle_ns = 0;  // in the whole repetition; 0 where it cannot be known
};

// Our reporter: joins what Google Benchmark says of a repetition (that it counts,
// and its number) with what the meter kept of it. Calls that it makes for itself,
// to warm up or to find a count of iterations, are not reported and so dropped.
class RepetitionReporter : public benchmark::BenchmarkReporter
{
 public:
  explicit RepetitionReporter(std::vector<Repetition>& calls) : calls_(calls) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override
  {
    for (const Run& run : runs)
      if (run.run_type == Run::RT_Iteration)
        ++reported_;
  }
  std::vector<Repetition> take()
  {
    if (calls_.size() > reported_)
      calls_.erase(calls_.begin(), calls_.end() - static_cast<std::ptrdiff_t>(reported_));
    return std::move(calls_);
  }

 private:
  std::vector<Repetition>& calls_;
  std::size_t reported_ = 0;
};

std::vector<Repetition> run_loop(const Workload& workload, const Values& values, Meter& meter,
                                 bool watch_idle, Repeats repeats)
{
  std::vector<Repetition> calls;
  auto* registered = benchmark::RegisterBenchmark(
      std::string(workload.name).c_str(), [&](benchmark::State& state) {
        meter.reset(static_cast<std::size_t>(repeats.warm_up),
                    static_cast<std::size_t>(repeats.kept));
        const auto idle_before = watch_idle ? read_idle_ns("/proc") : Result<std::uint64_t>(0);
        workload.run(state, meter);
        const auto idle_after = watch_idle ? read_idle_ns("/proc") : Result<std::uint64_t>(0);
        Repetition repetition;
        repetition.ticks.assign(meter.ticks().begin(), meter.ticks().end());
        repetition.failure = meter.failure();
        repetition.outcomes = meter.outcomes();
        if (idle_before && idle_after)
          repetition.idle_ns = *idle_after - *idle_before;
        calls.push_back(std::move(repetition));
      });
  if (!values.empty())
    registered->Args(values);
  registered->UseManualTime()
      ->Iterations(repeats.warm_up + repeats.kept)
      ->Repetitions(repeats.repetitions);
  RepetitionReporter reporter(calls);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return reporter.take();
}

SampleStatus status_of(const Error& error)
{
  return error.code == Errc::unsupported ? SampleStatus::skip : SampleStatus::fail;
}

// Outcomes that differ from run to run belong to the pass that measures time, all others
// to the state.
void report_outcomes(const Rows& rows, int number, const Meter::Outcomes& outcomes, bool noisy)
{
  for (const auto& [outcome, value] : outcomes)
    if ((find_metric(outcome.first)->kind == MetricClass::noisy) == noisy)
      rows.value(outcome.first, number, value, outcome.second);
}

// A replay that diverged did not do the recorded work: every pass says so, as none of its
// figures is then to be compared.
void report_divergence(const Rows& rows, int number, const Meter::Outcomes& outcomes)
{
  for (const auto& [outcome, value] : outcomes)
    if (outcome.first == kReplayDiverged && value > 0)
      rows.value(outcome.first, number, value, outcome.second);
}

void run_bare(const Plan& plan, const PlannedCase& planned, const Rows& rows)
{
  const bool exact = plan.mode == Mode::exact;
  const Workload& workload = *planned.workload;
  Meter meter(exact ? Clock::instructions : Clock::monotonic);
  const Repeats repeats = repeats_of(plan, workload, planned.values);
  const auto calls = run_loop(workload, planned.values, meter, exact, repeats);

  const auto items = static_cast<double>(workload.items(planned.values));
  const std::string_view metric = exact ? "instructions" : "wall_time";
  if (calls.empty())
    rows.no_value(metric, 0, SampleStatus::fail, "the workload did not run");
  int number = 0;
  for (const Repetition& call : calls) {
    const auto spread = spread_of(call.ticks);
    if (call.failure) {
      rows.no_value(metric, number, status_of(*call.failure), to_string(*call.failure));
      break;  // the next repetition would say it again
    } else if (!spread) {
      rows.no_value(metric, number, SampleStatus::fail, "no operation was measured");
    } else if (call.idle_ns > 0) {
      rows.no_value(metric, number, SampleStatus::skip,
                    fmt::format("the guest idled {} ns: the count holds more than instructions",
                                call.idle_ns));
    } else {
      rows.value(metric, number, spread->median / items);
      if (exact)
        rows.value("instructions_mean", number, mean_of(call.ticks) / items);
      else
        report_outcomes(rows, number, call.outcomes, true);
      if (!exact && workload.contends && spread->median > 0)
        rows.value("throughput", number, 1e9 * items / spread->median);
    }
    report_divergence(rows, number, call.outcomes);
    ++number;
  }
  if (exact)
    rows.no_value("wall_time", 0, SampleStatus::skip,
                  "the exact lab's time is its count of instructions");
  else
    rows.no_value("instructions", 0, SampleStatus::skip, "counted in the exact lab only");
}

void skip_all(const Rows& rows, const PassProbe& probe, const std::string& reason)
{
  for (const auto metric : probe.metrics())
    rows.no_value(metric, 0, SampleStatus::skip, reason);
}

// The workload once more in a process of its own, with all that it allocates and frees by
// ending.
Result<> run_again(const PlannedCase& planned)
{
  const auto elsewhere = planned.workload->freed_elsewhere;
  if (const auto why = elsewhere ? elsewhere(planned.values) : ""; !why.empty())
    return Error{.code = Errc::unsupported, .context = std::string(why)};
  return run_in_child([&]() -> Result<> {
    benchmark::ClearRegisteredBenchmarks();
    Meter meter(Clock::monotonic);
    const auto calls = run_loop(*planned.workload, planned.values, meter, false, Repeats{});
    if (calls.empty())
      return Error{.code = Errc::os, .context = "the workload did not run"};
    return calls.back().failure ? Result<>(*calls.back().failure) : ok();
  });
}

void run_probed(const Plan& plan, const PlannedCase& planned, const Rows& rows)
{
  const auto probe = make_probe(plan, planned);
  if (auto armed = probe->arm(); !armed)
    return skip_all(rows, *probe, to_string(armed.error()));
  Meter meter(Clock::monotonic);
  meter.set_hooks({.begin = [&] { probe->begin(); }, .end = [&] { probe->end(); }});
  if (probe->observes())
    meter.set_observer([&](std::span<const pid_t> processes) { probe->observe(processes); });
  const Repeats repeats = probe->repeats(repeats_of(plan, *planned.workload, planned.values));
  const auto calls = run_loop(*planned.workload, planned.values, meter, false, repeats);
  if (calls.empty())
    return rows.no_value(probe->metrics().front(), 0, SampleStatus::fail,
                         "the workload did not run");
  if (const auto& failure = calls.back().failure) {
    if (status_of(*failure) == SampleStatus::fail)
      return rows.no_value(probe->metrics().front(), 0, SampleStatus::fail, to_string(*failure));
    return skip_all(rows, *probe, to_string(*failure));
  }
  probe->run_again([&] { return run_again(planned); });
  probe->report(rows);
  if (planned.pass == Pass::state)
    report_outcomes(rows, 0, meter.outcomes(), false);
  else
    report_divergence(rows, 0, meter.outcomes());
}

Result<> enough_memory(const Workload& workload, const Values& values)
{
  const auto text = read_file("/proc/meminfo");
  const auto available = text ? meminfo_bytes(*text, "MemAvailable") : std::nullopt;
  if (!workload.memory_pages || !available)
    return ok();
  const auto needed = static_cast<std::uint64_t>(workload.memory_pages(values)) * page_size();
  if (needed <= *available / 4 * 3)
    return ok();
  return Error{.code = Errc::unsupported,
               .context = fmt::format("needs {} MiB of memory at its peak, more than three "
                                      "quarters of the {} MiB that are available",
                                      needed >> 20, *available >> 20)};
}

}  // namespace

void run_case(const Plan& plan, const PlannedCase& planned, const CaseSink& sink)
{
  // A huge page has one anon_vma lookup where 512 small ones have many: workloads
  // that want them ask for them.
  ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  const ReplicaLayout layout = layout_of_replica(plan.replica);
  Arena::set_offset_pages(layout.arena_offset_pages);
  for (std::uint64_t i = 0; i < layout.spin; ++i)
    asm volatile("");
  const Rows rows(plan, planned, sink);
  if (auto room = enough_memory(*planned.workload, planned.values); !room) {
    for (const std::string& metric : metrics_of(plan, planned.pass))
      rows.no_value(metric, 0, SampleStatus::skip, to_string(room.error()));
    return;
  }
  if (const auto pinning = parse_pinning(plan.pin))
    set_pinning(*pinning);
  if (planned.pass == Pass::bare)
    run_bare(plan, planned, rows);
  else
    run_probed(plan, planned, rows);
}

}  // namespace rmaplab
