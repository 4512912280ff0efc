// SPDX-License-Identifier: GPL-2.0-only
// The objects pass: what one operation allocates and frees, by kernel function, and
// what is alive when its state is held still.
#include <fmt/format.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <optional>

#include "base/text.h"
#include "base/ticks.h"
#include "probes/object_events.h"
#include "probes/slab.h"
#include "session/probe_client.h"
#include "session/probes.h"
#include "session/rmap_oracle.h"

namespace rmaplab
{

namespace
{

constexpr std::string_view kEventMetrics[] = {
    "alloc_vm_area_struct", "alloc_anon_vma", "alloc_anon_vma_chain",
    "free_vm_area_struct",  "free_anon_vma",  "free_anon_vma_chain",
    "live_vm_area_struct",  "live_anon_vma",  "live_anon_vma_chain"};

constexpr std::string_view kBalanceMetrics[] = {"unfreed_vm_area_struct", "unfreed_anon_vma",
                                                "unfreed_anon_vma_chain"};

constexpr std::string_view kForestMetrics[] = {"forest_avcs",
                                               "forest_anon_vmas",
                                               "forest_roots",
                                               "forest_longest_chain",
                                               "forest_tree_depth",
                                               "forest_widest_fan_out",
                                               "forest_reuse_candidates",
                                               "forest_avcs_per_vma"};

constexpr std::string_view kFreedByRcu =
    "this kernel frees VMAs from RCU callbacks in whatever task those run";

// What a process that ran the workload, from its fork to its reaping, left of one cache.
struct CacheBalance {
  std::int64_t unfreed = 0;
  std::string how;   // functions and their counts, or with what the zero was found
  std::string skip;  // why it cannot be known
};
using Balance = std::map<std::string, CacheBalance>;  // by cache

// A leak is there each time. What shows up once is not: something that the parent allocates
// with its first fork, or a process of somebody else's that held the mm or an anon_vma for
// a moment (a read of /proc/PID/maps, compaction) and freed it in its own name.
constexpr int kMostAttempts = 3;

std::string functions_of(const ObjectTable& table, const std::string& cache)
{
  std::string text;
  if (const auto sites = table.find(cache); sites != table.end())
    for (const auto& [function, count] : sites->second) {
      text += fmt::format("{}{}", text.empty() ? "" : ", ", function);
      text += count.allocated > 0 ? fmt::format(" allocated {}", count.allocated) : "";
      text += count.freed > 0 ? fmt::format(" freed {}", count.freed) : "";
    }
  return text;
}

CacheBalance balance_of(const ObjectTable& table, const std::string& cache)
{
  const ObjectCount sum = total(table, cache);
  CacheBalance balance{.unfreed = static_cast<std::int64_t>(sum.allocated) -
                                  static_cast<std::int64_t>(sum.freed)};
  if (balance.unfreed != 0)
    balance.how = fmt::format(
        "{} of {} objects not freed by a process that ran the workload and "
        "ended, each of {} times: {}",
        balance.unfreed, sum.allocated, kMostAttempts, functions_of(table, cache));
  return balance;
}

// 6.12 frees a VMA that is unmapped from an RCU callback, which may run after all tasks
// that are traced have ended, and one that exit_mmap() finds at once: so what is seen of the
// callbacks in a case does not tell. Asked with a VMA of our own.
Result<bool> frees_vmas_at_once(ObjectEvents& events)
{
  if (auto restarted = events.restart(); !restarted)
    return restarted.error();
  events.begin();
  // Cannot be merged with what is there: another protection on either side.
  void* const page = ::mmap(nullptr, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED)
    ::munmap(page, 1);
  events.end();
  const auto trace = events.read();
  if (!trace)
    return trace.error();
  return total(trace->operation, "vm_area_struct").freed > 0;
}

Result<Balance> balance_of_events(ObjectEvents& events, const std::function<Result<>()>& run)
{
  Balance balance;
  const auto at_once = frees_vmas_at_once(events);
  if (!at_once)
    return at_once.error();
  if (!*at_once)
    balance["vm_area_struct"].skip = kFreedByRcu;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (auto restarted = events.restart(); !restarted)
      return restarted.error();
    events.begin();
    const auto ran = run();
    events.end();
    const auto trace = events.read();
    if (!ran || !trace)
      return !ran ? ran.error() : trace.error();
    bool all = true;
    for (const auto& cache : kRmapCaches) {
      const auto known = balance.find(cache);
      if (known != balance.end() && known->second.unfreed == 0)
        continue;
      balance[cache] = balance_of(trace->operation, cache);
      all = all && balance[cache].unfreed == 0;
    }
    if (all)
      break;
  }
  return balance;
}

bool balances_by_slab()
{
  return slab_capability("/proc", "/sys", "anon_vma").state == Capability::State::works;
}

// Where events cannot be had. slabinfo is of the whole machine, so what one run leaves
// cannot be told from others' doing; one object a run, each of many, can, when the machine's
// own growth in as long a time is taken off. Three tries without that called a leak what was
// none, on two CPUs beside a load of ten.
constexpr int kSlabRuns = 32;
constexpr int kSlabAttempts = 10;

void sleep_ns(std::uint64_t ns)
{
  const struct timespec pause = {.tv_sec = static_cast<time_t>(ns / 1'000'000'000),
                                 .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
  ::nanosleep(&pause, nullptr);
}

Result<Balance> balance_of_slabs(const std::function<Result<>()>& run)
{
  Balance balance;
  for (int attempt = 0; attempt < kSlabAttempts; ++attempt) {
    const auto before = read_settled_slab_usage();
    const std::uint64_t began_ns = monotonic_ns();
    for (int i = 0; i < kSlabRuns; ++i)
      if (auto ran = run(); !ran)
        return ran.error();
    const std::uint64_t took_ns = monotonic_ns() - began_ns;
    const auto after = read_settled_slab_usage();
    sleep_ns(took_ns);
    const auto later = read_settled_slab_usage();
    bool all = true;
    for (std::size_t i = 0; i < kRmapCaches.size(); ++i) {
      const auto known = balance.find(kRmapCaches[i]);
      if (known != balance.end() && known->second.unfreed == 0)
        continue;
      CacheBalance& now = balance[kRmapCaches[i]] = {};
      if (!before[i] || !after[i] || !later[i]) {
        now.skip = to_string(!before[i]  ? before[i].error()
                             : !after[i] ? after[i].error()
                                         : later[i].error());
        continue;
      }
      // As signed: either may have shrunk.
      const auto grown = static_cast<std::int64_t>(
          2 * after[i]->active_objects - before[i]->active_objects - later[i]->active_objects);
      now.unfreed = grown >= kSlabRuns ? grown : 0;
      now.how =
          fmt::format("slabinfo grew by {} more in {} runs than in as long a time without: {}",
                      grown, kSlabRuns,
                      now.unfreed > 0 ? "a leak, at each try"
                                      : "less than one a run is other processes' doing");
      all = all && now.unfreed == 0;
    }
    if (all)
      break;
  }
  return balance;
}

class ObjectsProbe : public PassProbe
{
 public:
  explicit ObjectsProbe(const Plan& plan)
      : buffer_kib_(plan.preset == "full" ? 64 << 10 : 8 << 10),
        client_(plan.probe_fd),
        oracle_(plan.probe_fd, RmapOracle::kInObjects)
  {
  }
  std::vector<std::string_view> metrics() const override
  {
    std::vector<std::string_view> all(std::begin(kEventMetrics), std::end(kEventMetrics));
    all.insert(all.end(), std::begin(kBalanceMetrics), std::end(kBalanceMetrics));
    all.insert(all.end(), std::begin(kForestMetrics), std::end(kForestMetrics));
    all.push_back(RmapOracle::kInObjects);
    return all;
  }
  Result<> arm() override
  {
    const pid_t self[] = {::getpid()};
    before_ = forest_of(self);
    auto events = ObjectEvents::arm(buffer_kib_);
    if (events)
      events_.emplace(*std::move(events));
    else if (!before_ && !balances_by_slab())
      return events.error();
    else
      no_events_ = to_string(events.error());  // the forest and slabinfo alone
    return ok();
  }
  void begin() override
  {
    if (events_)
      events_->begin();
  }
  void end() override
  {
    if (events_)
      events_->end();
  }
  bool observes() const override { return true; }
  void observe(std::span<const pid_t> processes) override
  {
    if (std::exchange(observed_, true))
      return;
    if (events_)
      events_->observe();
    after_ = forest_of(processes);
    oracle_.look(processes);
  }
  // The first operation may fault in what later ones find there.
  Repeats repeats(Repeats) const override { return {.warm_up = 1, .kept = 1}; }
  void run_again(const std::function<Result<>()>& run) override
  {
    if (!events_) {
      balance_ = balance_of_slabs(run);
      return;
    }
    trace_ = events_->read();
    balance_ = balance_of_events(*events_, run);
  }
  void report(const Rows& rows) override
  {
    oracle_.report(rows);
    if (oracle_.found_faults())
      return;
    report_forest(rows);
    report_balance(rows);
    if (!events_)
      trace_ = Error{.code = Errc::unsupported, .context = no_events_};
    if (!trace_) {
      for (const auto metric : kEventMetrics)
        rows.no_value(metric, 0, SampleStatus::skip, to_string(trace_.error()));
      return;
    }
    for (const auto& cache : kRmapCaches)
      report_cache(rows, *trace_, cache);
    if (!trace_->clone_gfp.empty())
      rows.fact("kernel.anon_vma_clone_gfp", trace_->clone_gfp);
  }

 private:
  Result<ProbeAnswer> forest_of(std::span<const pid_t> processes)
  {
    std::string question = "forest";
    for (const pid_t pid : processes)
      question += fmt::format(" {}", pid);
    return client_.ask(question);
  }
  void report_forest(const Rows& rows)
  {
    const auto skip_all = [&](const std::string& reason) {
      for (const auto metric : kForestMetrics)
        rows.no_value(metric, 0, SampleStatus::skip, reason);
    };
    if (!before_ || !after_)
      return skip_all(to_string(!before_ ? before_.error() : after_.error()));
    auto number = [](ProbeAnswer& answer, const std::string& name) {
      return parse_double(answer.fields[name]);
    };
    const auto truncated = number(*after_, "truncated_chains");
    const auto avcs = number(*after_, "avcs");
    if (!truncated || !avcs)
      return skip_all("rmaplab-probe's answer lacks truncated_chains or avcs");
    if (*truncated > 0)
      return skip_all("a chain is longer than the reader takes");
    for (const auto metric : kForestMetrics) {
      constexpr std::string_view kPrefix = "forest_";
      const std::string name(metric.substr(kPrefix.size()));
      if (name == "avcs_per_vma")
        rows.value(metric, 0,
                   *avcs / std::max(1.0, number(*after_, "vmas_with_anon_vma").value_or(0)));
      else if (const auto value = number(*after_, name))
        rows.value(metric, 0, *value);
      else
        rows.no_value(metric, 0, SampleStatus::skip, "this kernel's anon_vma has no such field");
    }
    // What the object events must come to: tests/lab/objects.sh
    for (const std::string name : {"avcs", "anon_vmas"})
      if (const auto base = number(*before_, name))
        rows.value("forest_" + name, 0, *base, "before the workload");
  }
  void report_balance(const Rows& rows) const
  {
    for (const auto& cache : kRmapCaches) {
      const std::string metric = "unfreed_" + cache;
      const auto found = balance_ ? balance_->find(cache) : Balance::const_iterator{};
      if (!balance_ || found == balance_->end())
        rows.no_value(metric, 0, SampleStatus::skip,
                      balance_ ? "not read" : to_string(balance_.error()));
      else if (!found->second.skip.empty())
        rows.no_value(metric, 0, SampleStatus::skip, found->second.skip);
      else if (found->second.unfreed != 0)
        rows.no_value(metric, 0, SampleStatus::fail, found->second.how);
      else
        rows.value(metric, 0, 0, {}, found->second.how);
    }
  }
  static void report_cache(const Rows& rows, const ObjectTrace& trace, const std::string& cache)
  {
    const std::string rcu =
        cache == "vm_area_struct" && trace.vmas_freed_by_rcu ? std::string(kFreedByRcu) : "";
    const ObjectCount sum = total(trace.operation, cache);
    rows.value("alloc_" + cache, 0, static_cast<double>(sum.allocated));
    if (rcu.empty())
      rows.value("free_" + cache, 0, static_cast<double>(sum.freed));
    else
      rows.no_value("free_" + cache, 0, SampleStatus::skip, rcu);
    if (const auto sites = trace.operation.find(cache); sites != trace.operation.end())
      for (const auto& [function, count] : sites->second) {
        if (count.allocated > 0)
          rows.value("alloc_" + cache, 0, static_cast<double>(count.allocated), function);
        if (count.freed > 0 && rcu.empty())
          rows.value("free_" + cache, 0, static_cast<double>(count.freed), function);
      }
    if (!trace.until_observed || !rcu.empty()) {
      rows.no_value("live_" + cache, 0, SampleStatus::skip,
                    rcu.empty() ? "this workload holds no state still" : rcu);
      return;
    }
    const ObjectCount held = total(*trace.until_observed, cache);
    rows.value("live_" + cache, 0,
               static_cast<double>(held.allocated) - static_cast<double>(held.freed));
  }

  std::size_t buffer_kib_;
  ProbeClient client_;
  RmapOracle oracle_;
  Result<ProbeAnswer> before_ = Error{.code = Errc::unsupported, .context = "not read"};
  Result<ProbeAnswer> after_ =
      Error{.code = Errc::unsupported, .context = "this workload holds no state still"};
  std::optional<ObjectEvents> events_;
  std::string no_events_;
  Result<ObjectTrace> trace_ = Error{.code = Errc::unsupported, .context = "not read"};
  Result<Balance> balance_ = Error{.code = Errc::unsupported, .context = "not run again"};
  bool observed_ = false;
};

}  // namespace

std::unique_ptr<PassProbe> make_objects_probe(const Plan& plan)
{
  return std::make_unique<ObjectsProbe>(plan);
}

}  // namespace rmaplab
