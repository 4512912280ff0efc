// SPDX-License-Identifier: GPL-2.0-only
#include "session/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "session/replay_workload.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

constexpr PassInfo kPasses[] = {
    {.pass = Pass::bare,
     .name = "bare",
     .arms = "the clock alone",
     .cost = "none: its times are the ones to compare"},
    {.pass = Pass::state,
     .name = "state",
     .arms = "reads VMA counts and slab use while one operation is held still",
     .cost = "times are not taken; slab caches are shrunk, machine-wide, before each reading"},
    {.pass = Pass::objects,
     .name = "objects",
     .arms = "kmem events of one operation in a trace instance; the anon_vma forest it leaves",
     .cost = "about a microsecond an event; pins the case to one CPU; 8 MiB of buffer, 64 in full"},
    {.pass = Pass::faults,
     .name = "faults",
     .arms = "page-fault events with addresses; a sampler of the process tree's VMAs",
     .cost = "0.7 us a fault, 30 us a fork; the sampler, about once a ms, reads the tree's "
             "/proc/PID/maps"},
    {.pass = Pass::counters,
     .name = "counters",
     .arms = "hardware and software counters, in as many rounds as the PMU needs",
     .cost = "switching them on and off is in each figure; `null` shows how much"},
    {.pass = Pass::contention,
     .name = "contention",
     .arms = "lock:contention_begin and _end of the whole machine, for workloads that contend",
     .cost = "none seen above the noise (docs/probe-costs.md); 8 MiB of ring a CPU"},
    {.pass = Pass::holds,
     .name = "holds",
     .arms = "/proc/lock_stat of kernels that have it: anon_vma roots taken, and held how long",
     .cost = "such a kernel's locks are dearer: compare with such kernels only; machine-wide"},
    {.pass = Pass::forest,
     .name = "forest",
     .arms = "the anon_vma forest of what one operation holds, for `rmaplab forest --workload`",
     .cost = "times are not taken"},
};

Result<std::vector<Pass>> passes_of(const Plan& plan)
{
  if (plan.passes.empty())
    return default_passes(plan);
  std::set<Pass> wanted;
  for (const auto name : split(plan.passes, ',')) {
    const auto pass = parse_pass(name);
    if (!pass)
      return pass.error();
    wanted.insert(*pass);
  }
  return std::vector<Pass>(wanted.begin(), wanted.end());
}

Error no_match(const Plan& plan)
{
  if (plan.filter == kReplayWorkload)
    return {.code = Errc::usage, .context = "replay plays recorded programs: --trace TRACE"};
  return {.code = Errc::usage,
          .context = fmt::format("no workload matches \"{}\"; see `rmaplab list`", plan.filter)};
}

// A case that contends never goes without the one that shares nothing.
std::vector<Values> with_controls(const Workload& workload, std::vector<Values> lists)
{
  if (workload.control)
    for (std::size_t i = 0, asked = lists.size(); i < asked; ++i)
      if (const Values control = workload.control(lists[i]);
          std::find(lists.begin(), lists.end(), control) == lists.end())
        lists.push_back(control);
  return lists;
}

Result<std::vector<PlannedCase>> with_arguments(const Plan& plan, const std::vector<Pass>& passes)
{
  const Workload* workload = find_any_workload(plan.filter);
  if (!workload)
    return no_match(plan);
  const auto lists = expand_arguments(*workload, plan.arguments);
  if (!lists)
    return lists.error();
  std::vector<PlannedCase> cases;
  for (const Pass pass : passes)
    for (const Values& values : with_controls(*workload, *lists))
      cases.push_back({.workload = workload, .values = values, .pass = pass});
  return cases;
}

// What the quick preset takes when no workload is named. On one CPU nobody contends, and
// what is left are long operations of many processes; but where who holds the lock is preempted.
bool is_core(const Plan& plan, const Workload& workload)
{
  return workload.core && !(workload.contends && !workload.preempted && plan.mode == Mode::exact);
}

// All workloads in the order in which they run.
std::vector<const Workload*> in_order()
{
  std::vector<const Workload*> workloads(catalog().begin(), catalog().end());
  if (replay_workload())
    workloads.push_back(replay_workload());
  std::stable_partition(workloads.begin(), workloads.end(),
                        [](const Workload* workload) { return !workload->late; });
  return workloads;
}

// What is beyond a knee is there for its cost and for what is alive, which the bare and the state
// pass tell. Its object events are those of the sizes below, a hundred times over: a chain of 128
// has half a million, more than the quick preset's buffer holds.
bool is_beyond(const Workload& workload, const Values& values)
{
  return std::find(workload.beyond.begin(), workload.beyond.end(), values) != workload.beyond.end();
}

struct Sizes {
  const Workload* workload = nullptr;
  const std::vector<Values>* lists = nullptr;
};

// Those of the preset, in the order in which they run: what is beyond a knee after all else
// but late workloads.
std::vector<Sizes> sizes_in_order(const Plan& plan)
{
  const auto workloads = in_order();
  if (plan.preset != "quick") {
    std::vector<Sizes> sizes;
    for (const Workload* workload : workloads)
      sizes.push_back({workload, &workload->full});
    return sizes;
  }
  std::vector<Sizes> sizes;
  std::vector<Sizes> last;
  for (const Workload* workload : workloads) {
    (workload->late ? last : sizes).push_back({workload, &workload->quick});
    if (!workload->beyond.empty())
      last.push_back({workload, &workload->beyond});
  }
  sizes.insert(sizes.end(), last.begin(), last.end());
  return sizes;
}

}  // namespace

std::string_view to_string(Mode mode)
{
  switch (mode) {
    case Mode::host:
      return "host";
    case Mode::exact:
      return "exact";
    case Mode::smp:
      return "smp";
  }
  return "?";
}

std::span<const PassInfo> all_passes()
{
  return kPasses;
}

std::string pass_names()
{
  std::string names;
  for (const PassInfo& info : kPasses)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", info.name);
  return names;
}

std::string_view to_string(Pass pass)
{
  for (const PassInfo& info : kPasses)
    if (info.pass == pass)
      return info.name;
  return "?";
}

Result<Mode> parse_mode(std::string_view text)
{
  for (const Mode mode : {Mode::host, Mode::exact, Mode::smp})
    if (text == to_string(mode))
      return mode;
  return Error{.code = Errc::usage, .context = fmt::format("no mode \"{}\"", text)};
}

Result<Pinning> parse_pinning(std::string_view text)
{
  if (text == "none")
    return Pinning::none;
  if (text == "one")
    return Pinning::one;
  if (text == "spread")
    return Pinning::spread;
  return Error{.code = Errc::usage,
               .context = fmt::format("no pinning \"{}\", expected none, one or spread", text)};
}

Result<Pass> parse_pass(std::string_view text)
{
  for (const PassInfo& info : kPasses)
    if (text == info.name)
      return info.pass;
  return Error{.code = Errc::usage,
               .context = fmt::format("no pass \"{}\", expected some of {}", text, pass_names())};
}

std::vector<Pass> default_passes(const Plan& plan)
{
  switch (plan.mode) {
    case Mode::exact:
      if (plan.preset == "quick" && plan.replica > 1)
        return {Pass::bare};
      return {Pass::bare, Pass::state, Pass::objects};
    case Mode::smp:
      return {Pass::bare, Pass::state, Pass::contention};
    case Mode::host:
      break;
  }
  return {Pass::bare, Pass::state, Pass::objects, Pass::faults, Pass::counters, Pass::contention};
}

Result<std::vector<PlannedCase>> plan_cases(const Plan& plan)
{
  if (plan.preset != "quick" && plan.preset != "full")
    return Error{.code = Errc::usage,
                 .context = fmt::format("no preset \"{}\", expected quick or full", plan.preset)};
  if (auto pinning = parse_pinning(plan.pin); !pinning)
    return pinning.error();
  const auto passes = passes_of(plan);
  if (!passes)
    return passes.error();
  if (auto known = use_traces(plan.traces); !known)
    return known.error();
  if (!plan.arguments.empty())
    return with_arguments(plan, *passes);
  const auto sizes = sizes_in_order(plan);
  std::vector<PlannedCase> cases;
  bool matched = false;
  for (const Pass pass : *passes)
    for (const auto& [workload, lists] : sizes) {
      const std::string name(workload->name);
      const bool asked = workload->hidden ? plan.filter == name : glob_match(plan.filter, name);
      matched = matched || asked;
      if (!asked && (name != "null" || pass == Pass::forest))
        continue;
      if (plan.preset == "quick" && plan.filter == "*" && !is_core(plan, *workload))
        continue;
      // Object events are of one process tree at a time; its thousands of calls say no more.
      if ((pass == Pass::contention && !workload->contends) ||
          (pass == Pass::objects && workload->contends))
        continue;
      for (const Values& values : with_controls(*workload, *lists)) {
        if (pass == Pass::objects && plan.preset == "quick" && plan.arguments.empty() &&
            is_beyond(*workload, values))
          continue;
        cases.push_back({.workload = workload, .values = values, .pass = pass});
      }
    }
  if (!matched)
    return no_match(plan);
  if (cases.empty())
    return Error{.code = Errc::usage,
                 .context = fmt::format("no workload of \"{}\" has anything for the passes {}",
                                        plan.filter, plan.passes)};
  return cases;
}

Repeats repeats_of(const Plan& plan, const Workload& workload, const Values& values)
{
  const bool full = plan.preset == "full";
  if (workload.contends)  // an operation is thousands of calls already
    return {.repetitions = plan.mode == Mode::exact ? 1 : 5, .warm_up = 1, .kept = 1};
  // Pages that one repetition may touch or copy, roughly.
  auto operations = [&](std::int64_t pages, std::int64_t least, std::int64_t most) {
    return static_cast<int>(std::clamp(pages / workload.weight(values), least, most));
  };
  // In the exact lab slab and page lists settle after some three operations (a fork of
  // 16 VMAs on 6.19: 488, 445, 433 thousand instructions). From then on operations
  // read alike, or alternate between two figures (433.4 and 435.6 there, every second
  // time), so an even number of them, whose median lies between the two. One repetition:
  // another in the same boot would read what this one read; replicas are the ensemble.
  if (plan.mode == Mode::exact)
    return {.repetitions = 1,
            .warm_up = operations(3000, 2, 4),
            .kept = operations(3000, full ? 2 : 4, 6) & ~1};
  return {.repetitions = 5, .warm_up = 2, .kept = operations(full ? 200'000 : 20'000, 5, 2000)};
}

ReplicaLayout layout_of_replica(int replica)
{
  // The kernel puts the mmap area below the stack's limit, at least 128 MiB down
  // (mmap_base() in arch/x86/mm/mmap.c, mm/util.c): a limit above that moves it.
  constexpr std::size_t kBaseStack = std::size_t{256} << 20;
  const auto step = static_cast<std::size_t>(replica > 1 ? replica - 1 : 0);
  return {.stack_limit_bytes = kBaseStack + step * 7 * page_size(),
          .arena_offset_pages = step * 37,
          .spin = step * 211'003,
          .ballast_vmas = step * 13};
}

}  // namespace rmaplab
