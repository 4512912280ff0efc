// SPDX-License-Identifier: GPL-2.0-only
// How fast a trace is read, beside fast-cpp-csv-parser alone handing out the same columns as
// char*: the ratio of both rates is printed last. Usage: rmaplab-bench-trace-read [ROWS]; a
// plain file of that many rows (default 5 000 000) is made in $TMPDIR and removed.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>

#include "base/fast_csv.h"
#include "base/files.h"
#include "base/text.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

namespace
{

using namespace rmaplab;

std::filesystem::path trace_path;

// Mostly faults, as recordings are, and the usual calls.
Trace some_trace(std::size_t rows)
{
  Trace trace{
      .header = {
          .kernel = "6.18.44", .machine = "x86_64", .command = "benchmark", .page_size = 4096}};
  trace.rows.push_back({.process = 1, .thread = 1, .event = TraceEvent::exec, .vmas = 20});
  for (std::uint64_t i = 1; i < rows; ++i) {
    const std::uint64_t place = 0x7f12'3400'0000 + i % 10'000 * 0x40000;
    TraceRow row = {.time_ns = i * 1234, .process = 1, .thread = 1, .vmas = 123};
    switch (i % 10) {
      case 0:
        row.event = TraceEvent::mmap;
        row.length = 0x40000;
        row.flags = 0x22;
        row.prot = 3;
        row.result = static_cast<std::int64_t>(place);
        break;
      case 5:
        row.event = TraceEvent::mprotect;
        row.address = place;
        row.length = 8192;
        row.prot = 1;
        break;
      case 9:
        row.event = TraceEvent::munmap;
        row.address = place;
        row.length = 0x40000;
        break;
      default:
        row.event = i % 3 ? TraceEvent::write : TraceEvent::read;
        row.address = place + i % 64 * 4096;
        break;
    }
    trace.rows.push_back(row);
  }
  return trace;
}

void set_rates(benchmark::State& state, std::size_t rows)
{
  state.SetItemsProcessed(static_cast<std::int64_t>(rows) * state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(std::filesystem::file_size(trace_path)) *
                          state.iterations());
}

void parser_alone(benchmark::State& state)
{
  std::size_t rows = 0;
  for (auto _ : state) {
    io::CSVReader<kTraceColumns, io::trim_chars<>, io::no_quote_escape<','>> csv(
        trace_path.string());
    for (const char* line = csv.next_line(); line && *line == '#';)
      line = csv.next_line();
    const char* c[kTraceColumns];
    rows = 0;
    while (csv.read_row(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11],
                        c[12], c[13])) {
      benchmark::DoNotOptimize(c);
      ++rows;
    }
  }
  set_rates(state, rows);
}

void trace_reader(benchmark::State& state)
{
  std::size_t rows = 0;
  for (auto _ : state) {
    rows = 0;
    auto reader = TraceReader::open(trace_path);
    if (!reader)
      return state.SkipWithError(to_string(reader.error()).c_str());
    const auto read = each_row(*reader, [&](const TraceRow& row, std::uint64_t) {
      benchmark::DoNotOptimize(&row);
      ++rows;
      return ok();
    });
    if (!read)
      return state.SkipWithError(to_string(read.error()).c_str());
  }
  set_rates(state, rows);
}

void validated(benchmark::State& state)
{
  std::size_t rows = 0;
  for (auto _ : state) {
    const auto needs = validate_trace_file(trace_path);
    if (!needs)
      return state.SkipWithError(to_string(needs.error()).c_str());
    rows = 0;
    for (const std::uint64_t count : needs->rows_by_event)
      rows += count;
  }
  set_rates(state, rows);
}

// Keeps the best rate of each benchmark: on a machine in use the least disturbed run.
class Rates : public benchmark::ConsoleReporter
{
 public:
  void ReportRuns(const std::vector<Run>& runs) override
  {
    for (const Run& run : runs)
      if (const auto rate = run.counters.find("items_per_second"); rate != run.counters.end()) {
        double& best = best_[run.run_name.function_name];
        best = std::max(best, static_cast<double>(rate->second));
      }
    ConsoleReporter::ReportRuns(runs);
  }
  double best(const std::string& name) const
  {
    const auto found = best_.find(name);
    return found == best_.end() ? 0 : found->second;
  }

 private:
  std::map<std::string, double> best_;
};

}  // namespace

int main(int argc, char** argv)
{
  benchmark::Initialize(&argc, argv);
  const auto rows = parse_u64(argc > 1 ? argv[1] : "5000000");
  const auto folder = TempDir::create("rmaplab-bench");
  if (!rows || *rows < 2 || !folder) {
    std::cerr << "usage: rmaplab-bench-trace-read [ROWS]\n";
    return 2;
  }
  trace_path = folder->path() / "t.csv";
  if (const auto written = write_trace(trace_path, some_trace(*rows)); !written) {
    std::cerr << to_string(written.error()) << '\n';
    return 2;
  }
  constexpr int kRepetitions = 5;
  for (auto* one : {benchmark::RegisterBenchmark("parser_alone", parser_alone),
                    benchmark::RegisterBenchmark("trace_reader", trace_reader),
                    benchmark::RegisterBenchmark("validated", validated)})
    one->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(kRepetitions);
  Rates rates;
  benchmark::RunSpecifiedBenchmarks(&rates);
  std::cout << fmt::format("read: {:.0f} % of the parser's own rate, validated: {:.0f} %\n",
                           100 * rates.best("trace_reader") / rates.best("parser_alone"),
                           100 * rates.best("validated") / rates.best("parser_alone"));
  return 0;
}
