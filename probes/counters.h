// SPDX-License-Identifier: GPL-2.0-only
// Hardware and software counters around an operation, of this process, its children
// and, where the kernel lets us, their exit.
//
// A PMU has some four to six counters and would be shared by turns (multiplexed) among
// more events; what is shorter than a turn is then not counted at all. So the hardware
// events are spread over rounds of at most four: each begin() takes the next round, and
// after rounds() operations every counter has counted one of them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "probes/capability.h"

namespace rmaplab
{

enum class Scope { user, kernel, both };
std::string_view to_string(Scope scope);

// One row of what there is to count. Hardware events have a row for the user's side and
// one for the kernel's.
struct Counter {
  std::string_view name;  // a clock's ends in its unit, _ns; the others are events
  Scope scope = Scope::both;
  bool hardware = false;
  std::uint32_t type = 0;      // perf_event_attr.type
  std::uint64_t config = 0;    // perf_event_attr.config
  std::size_t round = 0;       // hardware: the round it shares with others
  const char* papi = nullptr;  // PAPI's name of the same event; no name, no PAPI
  bool is_clock = false;       // counts idle time as well when opened for a CPU
};
std::span<const Counter> all_counters();

struct CounterValue {
  std::string_view name;
  Scope scope = Scope::both;
  // Sum over `operations`; nothing where it could not be counted: then `reason`.
  std::optional<double> value;
  unsigned operations = 0;
  std::string reason;
  std::string_view source;         // "PAPI", "perf_event_open", "getrusage"; "" when absent
  bool scaled = false;             // the PMU was shared: an estimate by time
  std::uint64_t time_enabled = 0;  // ns, over all CPUs; 0 where the source does not tell
  std::uint64_t time_running = 0;  // ns the event had a counter of the PMU
};

// Whose events are counted.
enum class Reach {
  cpus,   // all that runs on some CPUs: CAP_PERFMON, or kernel.perf_event_paranoid <= 0
  tasks,  // this thread and what it forks
  none,   // the kernel refuses both
};
struct ReachChoice {
  Reach reach = Reach::none;
  int error = 0;  // errno of the last refusal
};
// Pure. The first reach that `try_open` (0 or an errno) has no error for.
ReachChoice choose_reach(const std::function<int(Reach)>& try_open);

// What a refusal of perf_event_open() is judged by.
struct PerfFacts {
  std::optional<int> paranoid;  // /proc/sys/kernel/perf_event_paranoid
  bool cpu_pmu = false;         // /sys/bus/event_source/devices has a CPU's
  bool seccomp = false;         // this process runs under a filter of system calls
};
PerfFacts read_perf_facts();

struct Refusal {
  std::string reason;
  std::string remedy;  // "" when nothing helps
};
// Pure. What errno `error` of perf_event_open() means for an event.
Refusal explain_refusal(int error, const PerfFacts& facts);

// One event's reading on one CPU, or the difference of two.
struct CounterReading {
  std::uint64_t value = 0;
  std::uint64_t enabled_ns = 0;
  std::uint64_t running_ns = 0;
};
// Pure. What the event would have counted with the PMU to itself; nothing when it was
// enabled and never had a counter.
std::optional<double> scaled_value(const CounterReading& reading);

// rmaplab-papi.so beside the running program.
std::string default_papi_module();

// Where PAPI counts it stays in the address space, and each fork copies its mappings too:
// 9 page faults and 450 thousand instructions more, which more than doubles the fork of the
// runner (360 to 815 thousand; arm64 guest, kernel 7.0). What the operation's own VMAs add
// reads the same: 5.26 thousand each. Where PAPI cannot count it is unloaded at once and
// leaves some 210 kB that it never frees.
struct CounterOptions {
  std::string papi_module = default_papi_module();  // "" goes without PAPI
};

// Open events, which stay in place over fork(): whoever uses them reads no wall time
// meanwhile. For CPUs nothing is added to a fork. For tasks each fork copies the events,
// which nearly doubles its cost, and the teardown of an address space at exit escapes
// them: perf_event_exit_task() runs before exit_mm().
class Counters
{
 public:
  // For the CPUs that this process may run on at this time, else for tasks. Any user;
  // what cannot be counted becomes a row with its reason. Errc::os only when the
  // affinity cannot be read or the machine is out of memory.
  static Result<Counters> open(const CounterOptions& options = {});
  Counters(Counters&& other) noexcept;
  Counters& operator=(Counters&&) = delete;
  ~Counters();

  // At least 1, even where nothing can be counted.
  std::size_t rounds() const;
  // The operation goes between them. They neither allocate nor read a perf event; PAPI
  // reads in end(), having no other way to stop.
  void begin();
  void end();
  // One value for each of all_counters(), in its order, of the operations since the last
  // read() in which it took part: one of every rounds().
  std::vector<CounterValue> read();

  Reach reach() const;
  // In words what was counted beside the operation, and what escaped.
  const std::string& scope_note() const;
  // "hardware counters", then "software counters".
  std::vector<Capability> capabilities() const;

 private:
  struct State;
  explicit Counters(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Opens and closes them. Hardware and software apart.
std::vector<Capability> counters_capability(const CounterOptions& options = {});

}  // namespace rmaplab
