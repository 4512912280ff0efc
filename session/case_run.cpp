// SPDX-License-Identifier: GPL-2.0-only
#include "session/case_run.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/prctl.h>

#include "probes/idle_time.h"
#include "session/pass_probe.h"
#include "session/rows.h"
#include "stats/spread.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

// What one call of the workload by Google Benchmark left behind.
struct Repetition {
  std::vector<double> ticks;  // one an operation
  std::string error;
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
        repetition.error = meter.error();
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

void run_bare(const Plan& plan, const PlannedCase& planned, const Rows& rows)
{
  const bool exact = plan.mode == Mode::exact;
  const Workload& workload = *planned.workload;
  Meter meter(exact ? Clock::instructions : Clock::monotonic);
  const Repeats repeats = repeats_of(plan, workload, planned.values);
  const auto calls = run_loop(workload, planned.values, meter, exact, repeats);

  const auto items = static_cast<double>(workload.items(planned.values));
  const std::string_view metric = exact ? "instructions" : "wall_time";
  int number = 0;
  for (const Repetition& call : calls) {
    const auto spread = spread_of(call.ticks);
    if (!call.error.empty() || !spread) {
      rows.no_value(metric, number, SampleStatus::fail,
                    call.error.empty() ? "no operation was measured" : call.error);
    } else if (call.idle_ns > 0) {
      rows.no_value(metric, number, SampleStatus::skip,
                    fmt::format("the guest idled {} ns: the count holds more than instructions",
                                call.idle_ns));
    } else {
      rows.value(metric, number, spread->median / items);
      if (exact)
        rows.value("instructions_mean", number, mean_of(call.ticks) / items);
    }
    ++number;
  }
  if (exact)
    rows.no_value("wall_time", 0, SampleStatus::skip,
                  "the exact lab's time is its count of instructions");
  else
    rows.no_value("instructions", 0, SampleStatus::skip, "counted in the exact lab only");
}

void run_probed(const Plan& plan, const PlannedCase& planned, const Rows& rows)
{
  const auto probe = make_probe(plan, planned);
  if (auto armed = probe->arm(); !armed) {
    for (const auto metric : probe->metrics())
      rows.no_value(metric, 0, SampleStatus::skip, to_string(armed.error()));
    return;
  }
  Meter meter(Clock::monotonic);
  meter.set_hooks({.begin = [&] { probe->begin(); }, .end = [&] { probe->end(); }});
  if (probe->observes())
    meter.set_observer([&](std::span<const pid_t> processes) { probe->observe(processes); });
  const Repeats repeats = probe->repeats(repeats_of(plan, *planned.workload, planned.values));
  const auto calls = run_loop(*planned.workload, planned.values, meter, false, repeats);
  if (calls.empty() || !calls.back().error.empty())
    rows.no_value(probe->metrics().front(), 0, SampleStatus::fail,
                  calls.empty() ? "the workload did not run" : calls.back().error);
  else
    probe->report(rows);
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
  if (planned.pass == Pass::bare)
    run_bare(plan, planned, rows);
  else
    run_probed(plan, planned, rows);
}

}  // namespace rmaplab
