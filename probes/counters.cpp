// SPDX-License-Identifier: GPL-2.0-only
#include "probes/counters.h"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "probes/counter_rounds.h"

namespace rmaplab
{

namespace
{

constexpr std::uint64_t kDtlbReadMiss = PERF_COUNT_HW_CACHE_DTLB |
                                        PERF_COUNT_HW_CACHE_OP_READ << 8 |
                                        PERF_COUNT_HW_CACHE_RESULT_MISS << 16;

struct HardwareEvent {
  std::string_view name;
  std::uint32_t type = PERF_TYPE_HARDWARE;
  std::uint64_t config = 0;
  std::size_t round = 0;
  // The kernel's own events under libpfm's names, not PAPI's presets: the presets for
  // caches and stalls mean something else on each CPU.
  const char* papi = nullptr;
};

constexpr HardwareEvent kHardware[] = {
    {.name = "cycles", .config = PERF_COUNT_HW_CPU_CYCLES, .round = 0, .papi = "perf::CYCLES"},
    {.name = "instructions",
     .config = PERF_COUNT_HW_INSTRUCTIONS,
     .round = 0,
     .papi = "perf::INSTRUCTIONS"},
    {.name = "cache_references",
     .config = PERF_COUNT_HW_CACHE_REFERENCES,
     .round = 1,
     .papi = "perf::CACHE-REFERENCES"},
    {.name = "cache_misses",
     .config = PERF_COUNT_HW_CACHE_MISSES,
     .round = 1,
     .papi = "perf::CACHE-MISSES"},
    {.name = "branches",
     .config = PERF_COUNT_HW_BRANCH_INSTRUCTIONS,
     .round = 2,
     .papi = "perf::BRANCH-INSTRUCTIONS"},
    {.name = "branch_misses",
     .config = PERF_COUNT_HW_BRANCH_MISSES,
     .round = 2,
     .papi = "perf::BRANCH-MISSES"},
    {.name = "dtlb_load_misses",
     .type = PERF_TYPE_HW_CACHE,
     .config = kDtlbReadMiss,
     .round = 3,
     .papi = "perf::DTLB-LOAD-MISSES"},
    {.name = "stalled_cycles_frontend",
     .config = PERF_COUNT_HW_STALLED_CYCLES_FRONTEND,
     .round = 4,
     .papi = "perf::STALLED-CYCLES-FRONTEND"},
    {.name = "stalled_cycles_backend",
     .config = PERF_COUNT_HW_STALLED_CYCLES_BACKEND,
     .round = 4,
     .papi = "perf::STALLED-CYCLES-BACKEND"},
};

constexpr Counter kSoftware[] = {
    {.name = "task_clock_ns",
     .type = PERF_TYPE_SOFTWARE,
     .config = PERF_COUNT_SW_TASK_CLOCK,
     .is_clock = true},
    {.name = "page_faults", .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_PAGE_FAULTS},
    {.name = "context_switches",
     .type = PERF_TYPE_SOFTWARE,
     .config = PERF_COUNT_SW_CONTEXT_SWITCHES},
    {.name = "cpu_migrations", .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_CPU_MIGRATIONS},
};

std::vector<Counter> make_counters()
{
  std::vector<Counter> counters;
  for (const HardwareEvent& event : kHardware)
    for (const Scope scope : {Scope::user, Scope::kernel})
      counters.push_back({.name = event.name,
                          .scope = scope,
                          .hardware = true,
                          .type = event.type,
                          .config = event.config,
                          .round = event.round,
                          .papi = event.papi});
  counters.insert(counters.end(), std::begin(kSoftware), std::end(kSoftware));
  return counters;
}

bool counts_instructions_or_cycles(const Counter& counter)
{
  return counter.type == PERF_TYPE_HARDWARE && (counter.config == PERF_COUNT_HW_INSTRUCTIONS ||
                                                counter.config == PERF_COUNT_HW_CPU_CYCLES);
}

// Those that this process may run on and that are online.
Result<std::vector<int>> allowed_cpus()
{
  for (int room = CPU_SETSIZE;; room *= 2) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(
        CPU_ALLOC(room), [](cpu_set_t* old) { CPU_FREE(old); });
    const std::size_t bytes = CPU_ALLOC_SIZE(room);
    if (set && ::sched_getaffinity(0, bytes, set.get()) == 0) {
      std::vector<int> cpus;
      for (int cpu = 0; cpu < room; ++cpu)
        if (CPU_ISSET_S(static_cast<std::size_t>(cpu), bytes, set.get()))
          cpus.push_back(cpu);
      return cpus;
    }
    if (!set || errno != EINVAL)  // EINVAL: the kernel's mask is longer than ours
      return os_error("sched_getaffinity");
  }
}

std::string note_of(Reach reach, const std::vector<int>& cpus)
{
  switch (reach) {
    case Reach::cpus:
      return fmt::format(
          "everything that ran on CPU {} meanwhile: children with their exit, and whatever else "
          "was there; what getrusage tells is of this process and its reaped children only",
          fmt::join(cpus, ", "));
    case Reach::tasks:
      return "this thread and what it forked meanwhile, without the teardown of an address space "
             "at exit; each fork copied the events and cost up to twice as much";
    case Reach::none:
      break;
  }
  return "this process and its reaped children, by getrusage only";
}

}  // namespace

std::string_view to_string(Scope scope)
{
  return scope == Scope::user ? "user" : scope == Scope::kernel ? "kernel" : "both";
}

std::span<const Counter> all_counters()
{
  static const std::vector<Counter> counters = make_counters();
  return counters;
}

ReachChoice choose_reach(const std::function<int(Reach)>& try_open)
{
  int error = 0;
  for (const Reach reach : {Reach::cpus, Reach::tasks})
    if (error = try_open(reach); error == 0)
      return {.reach = reach};
  return {.reach = Reach::none, .error = error};
}

PerfFacts read_perf_facts()
{
  namespace fs = std::filesystem;
  PerfFacts facts;
  if (const auto text = read_file("/proc/sys/kernel/perf_event_paranoid"))
    if (const auto level = parse_i64(trim(*text)))
      facts.paranoid = static_cast<int>(*level);
  std::error_code error;
  // "cpu" is x86's; with more than one kind of core, and on arm64, a CPU's PMU has `cpus`
  // (others that belong to CPUs have `cpumask`).
  for (const auto& device : fs::directory_iterator("/sys/bus/event_source/devices", error)) {
    std::error_code absent;
    facts.cpu_pmu = facts.cpu_pmu || device.path().filename() == "cpu" ||
                    fs::exists(device.path() / "cpus", absent);
  }
  if (const auto status = read_file("/proc/self/status"))
    for (const auto line : lines_of(*status))
      if (line.rfind("Seccomp:", 0) == 0)
        facts.seccomp = trim(line.substr(8)) == "2";
  return facts;
}

Refusal explain_refusal(int error, const PerfFacts& facts)
{
  const std::string said = to_string(Error{.context = "perf_event_open", .sys_errno = error});
  switch (error) {
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
      if (!facts.cpu_pmu)
        return {fmt::format("no PMU: /sys/bus/event_source/devices has none of a CPU ({})", said),
                "a machine with a PMU, or a guest that is given one"};
      return {fmt::format("this CPU's PMU has no such event ({})", said), ""};
    case EACCES:
      return {fmt::format("kernel.perf_event_paranoid is {} ({})",
                          facts.paranoid ? std::to_string(*facts.paranoid) : "unknown", said),
              "CAP_PERFMON, or sysctl kernel.perf_event_paranoid=-1"};
    case EPERM:
    case ENOSYS:
      if (facts.seccomp)
        return {fmt::format("a seccomp filter (a container's?) refuses it ({})", said),
                "a seccomp profile that allows perf_event_open"};
      if (error == EPERM)
        return {said, "CAP_PERFMON"};
      return {fmt::format("this kernel has no perf events ({})", said),
              "a kernel with CONFIG_PERF_EVENTS"};
    case EMFILE:
      return {fmt::format("an event takes a descriptor on each CPU ({})", said),
              "ulimit -n, or fewer CPUs (taskset)"};
    default:
      return {said, ""};
  }
}

std::optional<double> scaled_value(const CounterReading& reading)
{
  const auto value = static_cast<double>(reading.value);
  if (reading.running_ns >= reading.enabled_ns)
    return value;
  if (reading.running_ns == 0)
    return std::nullopt;
  return value * static_cast<double>(reading.enabled_ns) / static_cast<double>(reading.running_ns);
}

std::string default_papi_module()
{
  return program_directory() / "rmaplab-papi.so";
}

struct Counters::State {
  CountedPlace place;
  std::string scope_note;
  std::string papi_absence;                             // why PAPI counts nothing; "" where it does
  std::optional<PapiModule> papi;                       // before the rounds that use it
  std::vector<Refusal> refusals;                        // one a row; of those that no round has
  std::vector<std::unique_ptr<CounterRound>> hardware;  // one of them an operation
  std::vector<std::unique_ptr<CounterRound>> software;  // all of them in each
  std::vector<unsigned> operations;  // of each hardware round since the last read()
  bool software_events = false;      // else getrusage has them all
  unsigned all_operations = 0;
  std::size_t current = 0;  // hardware round

  bool has(std::size_t row) const;
  void plan_hardware(const PerfFacts& facts);
  void plan_software(const PerfFacts& facts);
  Capability capability(std::string probe, bool of_hardware) const;
};

bool Counters::State::has(std::size_t row) const
{
  const auto in = [&](const auto& rounds) {
    return std::any_of(rounds.begin(), rounds.end(), [&](const auto& round) {
      return std::find(round->rows().begin(), round->rows().end(), row) != round->rows().end();
    });
  };
  return in(hardware) || in(software);
}

void Counters::State::plan_hardware(const PerfFacts& facts)
{
  const auto all = all_counters();
  // Rows of one round number and, for PAPI, of one scope share counters; a row that
  // does not fit with the others gets a round of its own.
  const auto plan = [&](auto belongs, const auto& make, const auto& refused) {
    std::unique_ptr<CounterRound> shared = make();
    for (std::size_t row = 0; row < all.size(); ++row) {
      if (!belongs(all[row]) || has(row))
        continue;
      if (shared->add(row))
        continue;
      std::unique_ptr<CounterRound> own = make();
      if (const auto added = own->add(row); added)
        hardware.push_back(std::move(own));
      else
        refused(row, added.error());
    }
    if (!shared->rows().empty())
      hardware.push_back(std::move(shared));
  };
  std::size_t numbers = 0;
  for (const Counter& counter : all)
    numbers = std::max(numbers, counter.round + 1);
  for (std::size_t number = 0; number < numbers; ++number) {
    const auto here = [&](const Counter& counter) {
      return counter.hardware && counter.round == number;
    };
    if (papi)
      for (const Scope scope : {Scope::user, Scope::kernel})
        plan([&](const Counter& counter) { return here(counter) && counter.scope == scope; },
             [&] { return papi->round(place, scope); }, [](std::size_t, const Error&) {});
    if (place.reach != Reach::none)
      plan(
          here, [&] { return perf_round(place); },
          [&](std::size_t row, const Error& error) {
            refusals[row] = explain_refusal(error.sys_errno, facts);
          });
  }
  operations.assign(hardware.size(), 0);
}

void Counters::State::plan_software(const PerfFacts& facts)
{
  const auto all = all_counters();
  auto events = place.reach == Reach::none ? nullptr : perf_round(place);
  auto usage = rusage_round();
  for (std::size_t row = 0; row < all.size(); ++row) {
    if (all[row].hardware)
      continue;
    // Opened for a CPU the task clock is wall time, idle or not.
    const bool event_counts = events && !(all[row].is_clock && place.reach == Reach::cpus);
    const auto added = event_counts ? events->add(row) : Result<>(Error{});
    if (!added && !usage->add(row) && event_counts)
      refusals[row] = explain_refusal(added.error().sys_errno, facts);
  }
  software_events = events && !events->rows().empty();
  for (auto* round : {&usage, &events})
    if (*round && !(*round)->rows().empty())
      software.push_back(std::move(*round));
}

Capability Counters::State::capability(std::string probe, bool of_hardware) const
{
  std::vector<std::string> absent;
  std::size_t present = 0;
  const Refusal* first = nullptr;
  const auto all = all_counters();
  for (std::size_t row = 0; row < all.size(); ++row) {
    if (all[row].hardware != of_hardware)
      continue;
    if (has(row)) {
      ++present;
      continue;
    }
    if (!first)
      first = &refusals[row];
    // Both sides of an event stand beside each other.
    const std::string side = fmt::format("{} ({})", all[row].name, to_string(Scope::user));
    if (!absent.empty() && absent.back() == side)
      absent.back() = all[row].name;
    else
      absent.push_back(of_hardware
                           ? fmt::format("{} ({})", all[row].name, to_string(all[row].scope))
                           : std::string(all[row].name));
  }
  const std::string papi_note = papi_absence.empty() ? "through PAPI" : papi_absence;
  if (!first)
    return {.probe = std::move(probe),
            .state = Capability::State::works,
            .reason = of_hardware ? fmt::format("{}; {}", scope_note, papi_note) : scope_note};
  if (present == 0)
    return {.probe = std::move(probe),
            .state = Capability::State::not_here,
            .reason = first->reason,
            .remedy = first->remedy};
  return {.probe = std::move(probe),
          .state = Capability::State::partly,
          .reason = fmt::format("without {}: {}", fmt::join(absent, ", "), first->reason),
          .remedy = first->remedy};
}

Result<Counters> Counters::open(const CounterOptions& options)
{
  auto state = std::make_unique<State>();
  auto cpus = allowed_cpus();
  if (!cpus)
    return cpus.error();
  state->place.cpus = *std::move(cpus);
  const PerfFacts facts = read_perf_facts();
  const ReachChoice choice = choose_reach([&](Reach reach) {
    state->place.reach = reach;
    return try_perf(state->place);
  });
  if (choice.error == ENOMEM)
    return Error{.code = Errc::os, .context = "open counters", .sys_errno = ENOMEM};
  state->place.reach = choice.reach;
  const Refusal refusal = explain_refusal(choice.error, facts);
  state->refusals.assign(all_counters().size(), refusal);

  std::vector<const char*> must_count;
  for (const Counter& counter : all_counters())
    if (counts_instructions_or_cycles(counter) && counter.scope == Scope::user)
      must_count.push_back(counter.papi);
  if (!options.papi_module.empty() && choice.reach != Reach::none) {
    if (auto papi = PapiModule::load(options.papi_module, must_count))
      state->papi.emplace(*std::move(papi));
    else
      state->papi_absence = papi.error().context;
  }
  state->plan_hardware(facts);
  state->plan_software(facts);
  for (std::size_t row = 0; row < state->refusals.size(); ++row)
    if (all_counters()[row].hardware && !state->papi_absence.empty())
      state->refusals[row].reason += "; " + state->papi_absence;
  // Tasks may be within reach and yet no event of theirs: then a fork copies nothing.
  const bool has_events = state->software_events || !state->hardware.empty();
  state->scope_note = note_of(has_events ? choice.reach : Reach::none, state->place.cpus);
  close_perf_events_on_exec();
  return Counters(std::move(state));
}

Counters::Counters(std::unique_ptr<State> state) : state_(std::move(state)) {}
Counters::Counters(Counters&& other) noexcept = default;
Counters::~Counters() = default;

std::size_t Counters::rounds() const
{
  return std::max<std::size_t>(state_->hardware.size(), 1);
}

// The hardware's window lies within the software's: its counts hold fewer of our calls.
void Counters::begin()
{
  for (const auto& round : state_->software)
    round->begin();
  if (!state_->hardware.empty())
    state_->hardware[state_->current]->begin();
}

void Counters::end()
{
  if (!state_->hardware.empty()) {
    state_->hardware[state_->current]->end();
    ++state_->operations[state_->current];
    state_->current = (state_->current + 1) % state_->hardware.size();
  }
  for (const auto& round : state_->software)
    round->end();
  ++state_->all_operations;
}

std::vector<CounterValue> Counters::read()
{
  std::vector<CounterValue> values;
  const auto all = all_counters();
  for (std::size_t row = 0; row < all.size(); ++row)
    values.push_back({.name = all[row].name,
                      .scope = all[row].scope,
                      .reason = state_->has(row) ? "" : state_->refusals[row].reason});
  const auto collect = [&](CounterRound& round, unsigned operations) {
    round.collect(values);
    for (const std::size_t row : round.rows()) {
      values[row].operations = operations;
      if (operations == 0)
        values[row].value.reset();
      if (operations == 0 && values[row].reason.empty())
        values[row].reason = "no operation since the last reading";
    }
  };
  for (const auto& round : state_->software)
    collect(*round, state_->all_operations);
  for (std::size_t i = 0; i < state_->hardware.size(); ++i)
    collect(*state_->hardware[i], std::exchange(state_->operations[i], 0));
  state_->all_operations = 0;
  return values;
}

Reach Counters::reach() const
{
  return state_->place.reach;
}

const std::string& Counters::scope_note() const
{
  return state_->scope_note;
}

std::vector<Capability> Counters::capabilities() const
{
  return {state_->capability("hardware counters", true),
          state_->capability("software counters", false)};
}

std::vector<Capability> counters_capability(const CounterOptions& options)
{
  const auto counters = Counters::open(options);
  if (counters)
    return counters->capabilities();
  const auto refused = [&](std::string probe) {
    return Capability{.probe = std::move(probe),
                      .state = Capability::State::not_here,
                      .reason = to_string(counters.error())};
  };
  return {refused("hardware counters"), refused("software counters")};
}

}  // namespace rmaplab
