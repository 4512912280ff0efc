// SPDX-License-Identifier: GPL-2.0-only
#include "cli/trace_verify.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "cli/object_rules.h"
#include "probes/vma_count.h"
#include "replay/program.h"
#include "replay/recorder.h"
#include "replay/replay.h"
#include "replay/replay_input.h"
#include "replay/trace_info.h"
#include "replay/verify.h"

namespace rmaplab
{

namespace
{

// Below them a replay is not the recorded program.
constexpr double kLeastCalls = 100;
constexpr double kLeastVmas = 99.5;

constexpr double kLeastObjects = 98;
constexpr std::size_t kMostProcessesShown = 5;

double percent(std::uint64_t part, std::uint64_t whole)
{
  return whole ? 100.0 * static_cast<double>(part) / static_cast<double>(whole) : 100.0;
}

}  // namespace

std::string rung(const char* name, std::uint64_t part, std::uint64_t whole)
{
  return fmt::format("{:<26} {:>10} of {:<10} {:8.3f} %\n", name, part, whole,
                     percent(part, whole));
}

namespace
{

std::uint64_t sum_of(const ObjectCounts& counts)
{
  return static_cast<std::uint64_t>(counts[0] + counts[1] + counts[2]);
}

// Of what was recorded and what was found the larger count, so that neither a lack nor a surplus
// looks like fidelity.
ObjectCounts larger_of(const ObjectFidelity& objects)
{
  ObjectCounts larger;
  for (std::size_t kind = 0; kind < kTraceObjects; ++kind)
    larger[kind] = objects.expected[kind] + objects.found[kind] - objects.common[kind];
  return larger;
}

std::string fidelity_text(const std::string& path, const Trace& trace, const ReplayOutcome& outcome,
                          const VmaFidelity& vmas)
{
  std::string text = rung("1 calls as recorded", outcome.as_recorded, outcome.calls);
  if (outcome.first)
    text += fmt::format("  first: {}: {}: expected {}, found {}{}\n",
                        place_of(path, trace, outcome.first->row),
                        to_string(trace.rows[outcome.first->row].event),
                        value_text(outcome.first->expected), value_text(outcome.first->found),
                        limit_text(trace, outcome.first->row, outcome.first->found));
  for (const RowsLeftOut& rows : outcome.left_out)
    text += "  " + left_out_text(rows, path, trace);
  if (outcome.mappings_failed)
    text += fmt::format("  {} mappings of a program's start failed\n", outcome.mappings_failed);
  text += vmas.known ? rung("2 VMAs after each call", vmas.equal, vmas.known)
                     : "2 VMAs after each call: the trace has no counts\n";
  if (vmas.counted < vmas.known)
    text += fmt::format("  {} were not counted in the replay\n", vmas.known - vmas.counted);
  if (vmas.first)
    text += fmt::format(
        "  first: {}: {}: expected {} VMAs, found {}\n", place_of(path, trace, vmas.first->row),
        to_string(trace.rows[vmas.first->row].event), vmas.first->expected, vmas.first->found);
  text += rung("  processes, most VMAs", vmas.peaks_equal, vmas.processes);
  text += rung("  processes, VMAs at end", vmas.ends_equal, vmas.processes);
  return text;
}

std::string object_text(const std::string& path, const Trace& trace, const ObjectFidelity& objects)
{
  constexpr const char* kNames[] = {"vm_area_struct", "anon_vma", "anon_vma_chain"};
  if (objects.lives == 0)
    return "3 objects allocated: the trace has no counts\n";
  std::string text =
      rung("3 objects allocated", sum_of(objects.common), sum_of(larger_of(objects)));
  for (std::size_t kind = 0; kind < kTraceObjects; ++kind)
    text += fmt::format("  {:<24} {:>10} of {:<10}\n", kNames[kind], objects.found[kind],
                        objects.expected[kind]);
  text += rung("  lives of processes, equal", objects.equal, objects.lives);
  if (objects.compared < objects.lives)
    text += fmt::format("  {} lives were not counted in the replay\n",
                        objects.lives - objects.compared);
  if (objects.first)
    text += fmt::format("  first: {}: process {}, {}: expected {}, found {}\n",
                        place_of(path, trace, objects.first->row),
                        trace.rows[objects.first->row].process,
                        to_string(trace.rows[objects.first->row].event), objects.first->expected,
                        objects.first->found);
  return text;
}

std::string touch_text(const std::string& path, const Trace& trace, const TouchFidelity& touches)
{
  std::string text = rung("4 page touches", touches.equal(), touches.recorded);
  text += fmt::format("  {} refused, {} missing; {} are outside of the trace's own mappings\n",
                      touches.refused, touches.missing, touches.outside);
  std::uint64_t equal = 0;
  for (const auto& [number, process] : touches.processes)
    equal += process.refused == 0;
  text += rung("  processes, all touches", equal, touches.processes.size());
  std::size_t shown = 0;
  for (const auto& [number, process] : touches.processes)
    if (process.refused > 0 && ++shown <= kMostProcessesShown)
      text +=
          fmt::format("  process {}: {} of {} refused\n", number, process.refused, process.touches);
  if (shown > kMostProcessesShown)
    text += fmt::format("  and {} more processes\n", shown - kMostProcessesShown);
  if (touches.first)
    text += fmt::format("  first: {}: {} refused\n", place_of(path, trace, *touches.first),
                        to_string(trace.rows[*touches.first].event));
  return text;
}

// Records the replay itself, so that both sides are counted by the same program. What it cannot
// do is no reason not to climb the other rungs.
Result<Recorder> open_recorder()
{
  auto rules = object_rules();
  if (!rules)
    return rules.error();
  auto recorder = Recorder::open(
      {.spool_folder = std::filesystem::temp_directory_path().string(), .objects = *rules});
  if (!recorder)
    return recorder.error();
  if (const auto& why = recorder->objects_refused(); !why.empty())
    return Error{.code = Errc::unsupported, .context = why};
  return recorder;
}

// One replay, looked at from outside.
struct Watched {
  ReplayOutcome outcome;
  VmaFidelity vmas;
  Result<ObjectFidelity> objects;
};

class Watcher
{
 public:
  Watcher(const Trace& trace, Result<Recorder> recorder)
      : trace_(trace), vmas_(trace), objects_(trace)
  {
    if (recorder)
      recorder_.emplace(*std::move(recorder));
    else
      uncounted_ = recorder.error();
  }
  Result<Watched> watch(int timeout_s)
  {
    auto replay = prepare(
        trace_, {.timeout_s = timeout_s,
                 .look = [&](std::uint32_t, pid_t pid, std::uint32_t row) { look(pid, row); },
                 .pauses = ReplayPauses::calls});
    if (!replay)
      return replay.error();
    if (recorder_)
      if (auto follows = recorder_->follow_next_child(); !follows)
        give_up_counting(follows.error());
    const auto outcome = play(*replay);
    if (!outcome)
      return outcome.error();
    if (failed_)
      return *failed_;
    return Watched{.outcome = *outcome, .vmas = vmas_.fidelity(), .objects = objects()};
  }

 private:
  void look(pid_t pid, std::uint32_t row)
  {
    const auto count =
        read_vma_count("/proc", pid, {.begin = kReplayArenaBegin, .end = kReplayArenaEnd});
    if (!count) {
      failed_ = failed_ ? failed_ : count.error();
      return;
    }
    vmas_.found(row, static_cast<std::int64_t>(count->in_range));
    if (!recorder_)
      return;
    if (auto drained = recorder_->drain(); !drained) {
      return give_up_counting(drained.error());
    }
    if (trace_.rows[row].event != TraceEvent::vma)
      return;
    if (const auto allocated = recorder_->objects_of(pid))
      objects_.laid_out(row, *allocated,
                        static_cast<std::int64_t>(count->map_count - count->in_range));
  }
  void give_up_counting(const Error& why)
  {
    recorder_.reset();
    uncounted_ = why;
  }
  Result<ObjectFidelity> objects()
  {
    if (!recorder_)
      return uncounted_;
    const auto replay = std::move(*recorder_).finish("replay");
    if (!replay)
      return replay.error();
    if (replay->header.lost)
      return Error{
          .code = Errc::unsupported,
          .context = fmt::format("{} events of the replay were lost", replay->header.lost)};
    return objects_.fidelity(*replay);
  }

  const Trace& trace_;
  VmaLedger vmas_;
  ObjectLedger objects_;
  std::optional<Recorder> recorder_;
  Error uncounted_;  // why there is none
  std::optional<Error> failed_;
};

bool is_faithful(const Watched& watched, const TouchFidelity& touches)
{
  const VmaFidelity& vmas = watched.vmas;
  const bool calls = percent(watched.outcome.as_recorded, watched.outcome.calls) >= kLeastCalls;
  const bool spaces = vmas.known > 0 && percent(vmas.equal, vmas.known) >= kLeastVmas &&
                      vmas.peaks_equal == vmas.processes && vmas.ends_equal == vmas.processes;
  const bool objects = !watched.objects || watched.objects->lives == 0 ||
                       (watched.objects->compared == watched.objects->lives &&
                        percent(sum_of(watched.objects->common),
                                sum_of(larger_of(*watched.objects))) >= kLeastObjects);
  return calls && spaces && objects && touches.equal() == touches.recorded;
}

}  // namespace

Result<Fidelity> verify_replay(const std::string& path, const ReplayInput& input, int timeout_s)
{
  const Trace& trace = input.trace;
  const auto watched = Watcher(trace, open_recorder()).watch(timeout_s);
  if (!watched)
    return watched.error();
  const ReplayOutcome& outcome = watched->outcome;
  const TouchFidelity touches =
      touch_fidelity(trace, input.outside, outcome.refused_rows, outcome.touches);
  const std::string seen = seen_text(trace.header);
  return Fidelity{.text = fidelity_text(path, trace, outcome, watched->vmas) +
                          (watched->objects ? object_text(path, trace, *watched->objects)
                                            : fmt::format("3 objects allocated: not counted: {}\n",
                                                          to_string(watched->objects.error()))) +
                          touch_text(path, trace, touches) +
                          (seen.empty() ? "" : "not recorded, so not replayed: " + seen + '\n'),
                  .faithful = is_faithful(*watched, touches)};
}

}  // namespace rmaplab
