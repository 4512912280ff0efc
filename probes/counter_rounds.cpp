// SPDX-License-Identifier: GPL-2.0-only
#include "probes/counter_rounds.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/resource.h>

#include <array>
#include <cerrno>
#include <filesystem>

extern "C" {
#include <perf/core.h>
#include <perf/cpumap.h>
#include <perf/evlist.h>
#include <perf/evsel.h>
#include <perf/threadmap.h>
}

#include "base/text.h"

namespace rmaplab
{

namespace
{

template <auto release>
struct Releaser {
  template <typename T>
  void operator()(T* object) const
  {
    release(object);
  }
};
using Evlist = std::unique_ptr<perf_evlist, Releaser<perf_evlist__delete>>;
using Evsel = std::unique_ptr<perf_evsel, Releaser<perf_evsel__delete>>;
using CpuMap = std::unique_ptr<perf_cpu_map, Releaser<perf_cpu_map__put>>;
using ThreadMap = std::unique_ptr<perf_thread_map, Releaser<perf_thread_map__put>>;

CpuMap cpu_map(const CountedPlace& place)
{
  if (place.reach != Reach::cpus)
    return CpuMap(RMAPLAB_PERF_ANY_CPU());  // cmake/Libperf.cmake
  return CpuMap(perf_cpu_map__new(fmt::format("{}", fmt::join(place.cpus, ",")).c_str()));
}

ThreadMap thread_map(const CountedPlace& place)
{
  if (place.reach == Reach::cpus)
    return ThreadMap(perf_thread_map__new_dummy());
  pid_t this_thread = 0;
  return ThreadMap(perf_thread_map__new_array(1, &this_thread));
}

perf_event_attr attr_for(const Counter& counter, Reach reach, bool leader)
{
  perf_event_attr attr = {};
  attr.size = sizeof attr;
  attr.type = counter.type;
  attr.config = counter.config;
  attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  attr.disabled = leader;  // the others follow it
  attr.inherit = reach == Reach::tasks;
  attr.exclude_user = counter.scope == Scope::kernel;
  attr.exclude_kernel = counter.scope == Scope::user;
  attr.exclude_hv = counter.scope != Scope::both;
  return attr;
}

class PerfRound : public CounterRound
{
 public:
  explicit PerfRound(const CountedPlace& place)
      : reach_(place.reach),
        cpus_(cpu_map(place)),
        threads_(thread_map(place)),
        group_(perf_evlist__new())
  {
  }

  Result<> add(std::size_t row) override
  {
    const Counter& counter = all_counters()[row];
    const bool leader = events_.empty();
    perf_event_attr attr = attr_for(counter, reach_, leader);
    Evsel evsel(perf_evsel__new(&attr));
    if (!cpus_ || !threads_ || !group_ || !evsel)
      return Error{.code = Errc::os, .context = "set up libperf", .sys_errno = ENOMEM};
    perf_evlist__add(group_.get(), evsel.get());
    perf_evlist__set_leader(group_.get());
    if (const int error = perf_evsel__open(evsel.get(), cpus_.get(), threads_.get()); error < 0) {
      perf_evlist__remove(group_.get(), evsel.get());
      return Error{.code = Errc::os,
                   .context = fmt::format("perf_event_open {}", counter.name),
                   .sys_errno = -error};
    }
    events_.push_back({.evsel = evsel.release(),
                       .seen = std::vector<CounterReading>(
                           static_cast<std::size_t>(perf_cpu_map__nr(cpus_.get())))});
    rows_.push_back(row);
    return ok();
  }

  // The leader's ioctl() on each CPU.
  void begin() override { note(perf_evsel__enable(events_[0].evsel)); }
  void end() override { note(perf_evsel__disable(events_[0].evsel)); }

  void collect(std::span<CounterValue> values) override
  {
    for (std::size_t i = 0; i < events_.size(); ++i)
      collect_event(events_[i], values[rows_[i]]);
    failed_ = false;
  }

 private:
  struct Event {
    perf_evsel* evsel = nullptr;  // the group's
    std::vector<CounterReading> seen;
  };

  void note(int error) { failed_ = failed_ || error != 0; }

  void collect_event(Event& event, CounterValue& value) const
  {
    double sum = 0;
    bool never_ran = false;
    for (std::size_t cpu = 0; cpu < event.seen.size(); ++cpu) {
      perf_counts_values now = {};
      if (const int error = perf_evsel__read(event.evsel, static_cast<int>(cpu), 0, &now);
          error < 0 || failed_) {
        value.reason = to_string(Error{.code = Errc::os,
                                       .context = failed_ ? "enable the event" : "read the event",
                                       .sys_errno = failed_ ? 0 : -error});
        return;
      }
      CounterReading& seen = event.seen[cpu];
      const CounterReading since = {.value = now.val - seen.value,
                                    .enabled_ns = now.ena - seen.enabled_ns,
                                    .running_ns = now.run - seen.running_ns};
      seen = {.value = now.val, .enabled_ns = now.ena, .running_ns = now.run};
      const auto scaled = scaled_value(since);
      never_ran = never_ran || !scaled;
      sum += scaled.value_or(0);
      value.scaled = value.scaled || since.running_ns < since.enabled_ns;
      value.time_enabled += since.enabled_ns;
      value.time_running += since.running_ns;
    }
    if (never_ran) {
      value.reason = "others (the NMI watchdog, perf) had the PMU's counters all the time";
      return;
    }
    value.value = sum;
    value.source = "perf_event_open";
  }

  Reach reach_;
  CpuMap cpus_;
  ThreadMap threads_;
  Evlist group_;
  std::vector<Event> events_;
  bool failed_ = false;
};

struct Usage {
  rusage self = {};
  rusage reaped = {};
};

Usage usage_now()
{
  Usage usage;
  ::getrusage(RUSAGE_SELF, &usage.self);
  ::getrusage(RUSAGE_CHILDREN, &usage.reaped);
  return usage;
}

using UsageFigure = double (*)(const rusage&);

double cpu_ns(const rusage& usage)
{
  const auto ns = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_usec) * 1e3;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

double page_faults(const rusage& usage)
{
  return static_cast<double>(usage.ru_minflt + usage.ru_majflt);
}

double context_switches(const rusage& usage)
{
  return static_cast<double>(usage.ru_nvcsw + usage.ru_nivcsw);
}

UsageFigure figure_for(const Counter& counter)
{
  if (counter.type != PERF_TYPE_SOFTWARE)
    return nullptr;
  switch (counter.config) {
    case PERF_COUNT_SW_TASK_CLOCK:
      return cpu_ns;
    case PERF_COUNT_SW_PAGE_FAULTS:
      return page_faults;
    case PERF_COUNT_SW_CONTEXT_SWITCHES:
      return context_switches;
    default:
      return nullptr;
  }
}

class RusageRound : public CounterRound
{
 public:
  Result<> add(std::size_t row) override
  {
    const UsageFigure figure = figure_for(all_counters()[row]);
    if (!figure)
      return Error{.code = Errc::unsupported, .context = "getrusage() has no such figure"};
    figures_.push_back({.of = figure});
    rows_.push_back(row);
    return ok();
  }

  void begin() override { before_ = usage_now(); }

  void end() override
  {
    const Usage after = usage_now();
    for (Figure& figure : figures_)
      figure.sum += figure.of(after.self) - figure.of(before_.self) + figure.of(after.reaped) -
                    figure.of(before_.reaped);
  }

  void collect(std::span<CounterValue> values) override
  {
    for (std::size_t i = 0; i < figures_.size(); ++i) {
      values[rows_[i]].value = std::exchange(figures_[i].sum, 0);
      values[rows_[i]].source = "getrusage";
    }
  }

 private:
  struct Figure {
    UsageFigure of = nullptr;
    double sum = 0;
  };
  std::vector<Figure> figures_;
  Usage before_;
};

class PapiRound : public CounterRound
{
 public:
  PapiRound(const RmaplabPapi& papi, const CountedPlace& place, Scope scope)
      : papi_(papi), scope_(scope)
  {
    std::array<char, 256> reason = {};
    const std::vector<int> this_thread = {-1};
    for (const int cpu : place.reach == Reach::cpus ? place.cpus : this_thread) {
      const int set = papi_.add_set(cpu, scope == Scope::kernel, reason.data(), reason.size());
      if (set < 0)
        refused_ = reason.data();
      else
        sets_.push_back({.number = set});
    }
  }

  Result<> add(std::size_t row) override
  {
    const Counter& counter = all_counters()[row];
    const auto refuse = [](const std::string& why) {
      return Error{.code = Errc::unsupported, .context = why};
    };
    if (!refused_.empty())
      return refuse(refused_);
    if (!counter.papi || counter.scope != scope_)
      return refuse("PAPI has no such event");
    std::array<char, 256> reason = {};
    for (Set& set : sets_) {
      if (papi_.add_event(set.number, counter.papi, reason.data(), reason.size()) < 0) {
        // The CPUs before this one keep it: no further event would be at its place.
        if (&set != &sets_.front())
          refused_ = reason.data();
        return refuse(reason.data());
      }
      set.values.push_back(0);
    }
    rows_.push_back(row);
    sums_.push_back(0);
    return ok();
  }

  void begin() override
  {
    for (const Set& set : sets_)
      note(papi_.start(set.number));
  }

  void end() override
  {
    for (Set& set : sets_) {
      note(papi_.stop(set.number, set.values.data()));
      for (std::size_t i = 0; i < sums_.size(); ++i)
        sums_[i] += static_cast<double>(set.values[i]);
    }
  }

  void collect(std::span<CounterValue> values) override
  {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      CounterValue& value = values[rows_[i]];
      const double sum = std::exchange(sums_[i], 0);
      if (code_ != 0) {
        value.reason = fmt::format("PAPI: {}", papi_.strerror(code_));
        continue;
      }
      value.value = sum;
      value.source = "PAPI";
    }
    code_ = 0;
  }

 private:
  struct Set {
    int number = -1;
    std::vector<long long> values;
  };
  void note(int code)
  {
    if (code != 0)
      code_ = code;
  }

  const RmaplabPapi& papi_;
  Scope scope_;
  std::vector<Set> sets_;  // one a CPU
  std::vector<double> sums_;
  std::string refused_;
  int code_ = 0;
};

// libperf prints what we return.
int silent(libperf_print_level, const char*, va_list)
{
  return 0;
}

}  // namespace

std::unique_ptr<CounterRound> perf_round(const CountedPlace& place)
{
  libperf_init(silent);
  return std::make_unique<PerfRound>(place);
}

int try_perf(const CountedPlace& place)
{
  libperf_init(silent);
  const CpuMap cpus = cpu_map(place);
  const ThreadMap threads = thread_map(place);
  const Counter nothing = {
      .scope = Scope::user, .type = PERF_TYPE_SOFTWARE, .config = PERF_COUNT_SW_DUMMY};
  perf_event_attr attr = attr_for(nothing, place.reach, true);
  const Evsel evsel(perf_evsel__new(&attr));
  if (!cpus || !threads || !evsel)
    return ENOMEM;
  const int error = perf_evsel__open(evsel.get(), cpus.get(), threads.get());
  perf_evsel__close(evsel.get());
  return -error;
}

void close_perf_events_on_exec()
{
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    std::error_code gone;  // the folder's own descriptor
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    const auto fd = parse_i64(entry.path().filename().string());
    if (!gone && fd && target == "anon_inode:[perf_event]")
      ::fcntl(static_cast<int>(*fd), F_SETFD, FD_CLOEXEC);
  }
}

std::unique_ptr<CounterRound> rusage_round()
{
  return std::make_unique<RusageRound>();
}

Result<PapiModule> PapiModule::load(const std::string& path, const std::vector<const char*>& events)
{
  const auto refuse = [](const std::string& why) {
    return Error{.code = Errc::unsupported, .context = "PAPI: " + why};
  };
  if (std::error_code error; !std::filesystem::exists(path, error))
    return refuse(fmt::format("built without PAPI: no {}", path));
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return refuse(::dlerror());
  PapiModule loaded(library, nullptr);
  const auto table = reinterpret_cast<decltype(&rmaplab_papi)>(::dlsym(library, "rmaplab_papi"));
  if (!table)
    return refuse(::dlerror());
  std::vector<const char*> names = events;
  names.push_back(nullptr);
  std::array<char, 1024> reason = {};
  if (table()->open(names.data(), reason.data(), reason.size()) < 0)
    return refuse(reason.data());
  loaded.functions_ = table();
  return loaded;
}

PapiModule::~PapiModule()
{
  if (functions_ && library_)
    functions_->close();
  if (library_)
    ::dlclose(library_);
}

std::unique_ptr<CounterRound> PapiModule::round(const CountedPlace& place, Scope scope) const
{
  return std::make_unique<PapiRound>(*functions_, place, scope);
}

}  // namespace rmaplab
