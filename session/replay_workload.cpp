// SPDX-License-Identifier: GPL-2.0-only
// replay: a recorded program's process tree, played by real processes.
//
// Sharing: whatever the recorded program had: its fork tree, its VMAs, the pages that it touched.
// Kernel paths: those of its calls; docs/replay.md says what is done otherwise than recorded.
// An operation is one whole replay, from the first process's exec to the end of the last
// process. State is read in the strict order, after the row of most VMAs.
// Not measured: reading and compiling the trace; what the program computed between its calls.
#include "session/replay_workload.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "replay/replay.h"
#include "replay/replay_input.h"
#include "results/metric.h"
#include "workloads/move.h"

namespace rmaplab
{

namespace
{

enum Place : std::size_t { kTrace, kOrder, kCopies, kMoves };

struct Traces {
  std::vector<std::string> paths;
  std::vector<std::string> labels;  // what the workload's argument points at
  std::optional<Workload> workload;
};

Traces& traces()
{
  static Traces one;
  return one;
}

std::string_view holds_nothing(const Values& values)
{
  return values[kOrder] == 0 && values[kCopies] == 1
             ? ""
             : "state is read in the strict order of one copy: here processes run side by side";
}

// Plays as often as the loop asks. State and objects are those of the recorded order.
Result<> replay(benchmark::State& state, Meter& meter)
{
  const std::string& path = traces().paths[static_cast<std::size_t>(state.range(kTrace))];
  const int copies = static_cast<int>(state.range(kCopies));
  const bool strict = state.range(kOrder) == 0;
  if (copies < 1)
    return Error{.code = Errc::usage, .context = "replay: expected at least one copy"};
  const bool relocate = state.range(kMoves) == 1;
  if (relocate)
    if (const auto can = Mover::create(way::relocate); !can)
      return can.error();
  const auto input = read_replay_input(path, copies);
  if (!input)
    return input.error();
  ReplayOptions options = {.order = strict ? ReplayOrder::strict : ReplayOrder::tree,
                           .copies = copies,
                           .relocate = relocate};
  const bool still = holds_nothing({0, state.range(kOrder), state.range(kCopies), 0}).empty();
  if (meter.observing() && still) {
    options.pauses = ReplayPauses::row;
    options.pause_row = busiest_moment(input->trace).row;
    options.hold = [&meter](std::span<const pid_t> living) { meter.observe(living); };
  }
  auto prepared = prepare(input->trace, options);
  if (!prepared)
    return prepared.error();
  for (auto iteration : state) {
    static_cast<void>(iteration);
    if (const auto rewound = rewind(*prepared); !rewound)
      return rewound.error();
    meter.start();
    const auto outcome = play(*prepared);
    meter.stop(state);
    if (!outcome)
      return outcome.error();
    meter.outcome("replay_calls", static_cast<double>(outcome->calls));
    meter.outcome(kReplayDiverged, static_cast<double>(outcome->calls - outcome->as_recorded));
    if (const auto& first = outcome->first)
      meter.outcome(kReplayDiverged, 1,
                    fmt::format("first: row {}, {}: returned {}, recorded {}", first->row + 1,
                                to_string(input->trace.rows[first->row].event),
                                value_text(first->found), value_text(first->expected)));
    meter.outcome("replay_touches", static_cast<double>(outcome->touches));
    meter.outcome("replay_refused", static_cast<double>(outcome->refused));
  }
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  if (const auto done = replay(state, meter); !done)
    meter.fail(state, done.error());
}

std::string_view by_chance(const Values& values)
{
  return values[kOrder] == 0 ? ""
                             : "the order of the processes decides which anon_vmas are reused, and "
                               "chance decides it";
}

Workload make_workload(const std::vector<std::string>& labels)
{
  Workload workload{.name = kReplayWorkload,
                    .summary = "recorded programs (--trace), played by real processes",
                    .kernel_path = "those of the recorded calls, faults and forks",
                    .patches = "both series, as far as the program goes there",
                    .item = "replay",
                    .arguments = {{.name = "trace", .labels = {labels.begin(), labels.end()}},
                                  {.name = "order", .labels = {"strict", "tree"}},
                                  {.name = "copies", .labels = {}},
                                  {.name = "moves", .labels = {"recorded", "relocate"}}},
                    .quick = {},
                    .full = {},
                    .weight = [](const Values&) -> std::int64_t { return 1'000'000'000; },
                    .run = run,
                    .by_chance = by_chance,
                    .holds_nothing = holds_nothing};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto trace = static_cast<std::int64_t>(i);
    workload.quick.push_back({trace, 0, 1, 0});
    workload.full.push_back({trace, 0, 1, 0});
    workload.full.push_back({trace, 1, 1, 0});
  }
  return workload;
}

}  // namespace

std::string trace_label(const std::string& path)
{
  std::filesystem::path name = std::filesystem::path(path).filename();
  for (const char* extension : {".zst", ".csv"})
    if (name.extension() == extension)
      name = name.stem();
  return name.string();
}

Result<> use_traces(const std::vector<std::string>& paths)
{
  Traces& all = traces();
  all.workload.reset();
  all.paths = paths;
  all.labels.clear();
  for (const std::string& path : paths) {
    const std::string label = trace_label(path);
    if (label.empty() || label.find_first_of(";,=\"\n") != std::string::npos)
      return Error{
          .code = Errc::usage,
          .context = fmt::format("trace {}: a name without ; , = and \" is expected", path)};
    if (std::ranges::find(all.labels, label) != all.labels.end())
      return Error{.code = Errc::usage,
                   .context = fmt::format("two traces are called \"{}\": rename one", label)};
    all.labels.push_back(label);
  }
  if (!paths.empty())
    all.workload = make_workload(all.labels);
  return ok();
}

const Workload* replay_workload()
{
  const auto& workload = traces().workload;
  return workload ? &*workload : nullptr;
}

const Workload* find_any_workload(std::string_view name)
{
  return name == kReplayWorkload ? replay_workload() : find_workload(name);
}

}  // namespace rmaplab
