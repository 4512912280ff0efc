// SPDX-License-Identifier: GPL-2.0-only
// The objects pass: what one operation allocates and frees, by kernel function, and
// what is alive when its state is held still.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "probes/object_events.h"
#include "probes/slab.h"
#include "session/probe_client.h"
#include "session/probes.h"

namespace rmaplab
{

namespace
{

constexpr std::string_view kEventMetrics[] = {
    "alloc_vm_area_struct", "alloc_anon_vma", "alloc_anon_vma_chain",
    "free_vm_area_struct",  "free_anon_vma",  "free_anon_vma_chain",
    "live_vm_area_struct",  "live_anon_vma",  "live_anon_vma_chain"};

constexpr std::string_view kForestMetrics[] = {"forest_avcs",
                                               "forest_anon_vmas",
                                               "forest_roots",
                                               "forest_longest_chain",
                                               "forest_tree_depth",
                                               "forest_widest_fan_out",
                                               "forest_reuse_candidates",
                                               "forest_avcs_per_vma"};

class ObjectsProbe : public PassProbe
{
 public:
  explicit ObjectsProbe(const Plan& plan)
      : buffer_kib_(plan.preset == "full" ? 64 << 10 : 8 << 10), client_(plan.probe_fd)
  {
  }
  std::vector<std::string_view> metrics() const override
  {
    std::vector<std::string_view> all(std::begin(kEventMetrics), std::end(kEventMetrics));
    all.insert(all.end(), std::begin(kForestMetrics), std::end(kForestMetrics));
    return all;
  }
  Result<> arm() override
  {
    const pid_t self[] = {::getpid()};
    before_ = forest_of(self);
    auto events = ObjectEvents::arm(buffer_kib_);
    if (events)
      events_.emplace(*std::move(events));
    else if (!before_)
      return events.error();
    else
      no_events_ = to_string(events.error());  // the forest alone
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
  }
  // The first operation may fault in what later ones find there.
  Repeats repeats(Repeats) const override { return {.warm_up = 1, .kept = 1}; }
  void report(const Rows& rows) override
  {
    report_forest(rows);
    const auto trace =
        events_ ? events_->read()
                : Result<ObjectTrace>(Error{.code = Errc::unsupported, .context = no_events_});
    if (!trace) {
      for (const auto metric : kEventMetrics)
        rows.no_value(metric, 0, SampleStatus::skip, to_string(trace.error()));
      return;
    }
    for (const auto& cache : kRmapCaches)
      report_cache(rows, *trace, cache);
    if (!trace->clone_gfp.empty())
      rows.fact("kernel.anon_vma_clone_gfp", trace->clone_gfp);
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
  static void report_cache(const Rows& rows, const ObjectTrace& trace, const std::string& cache)
  {
    const std::string rcu =
        cache == "vm_area_struct" && trace.vmas_freed_by_rcu
            ? "this kernel frees VMAs from RCU callbacks in whatever task those run"
            : "";
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
  Result<ProbeAnswer> before_ = Error{.code = Errc::unsupported, .context = "not read"};
  Result<ProbeAnswer> after_ =
      Error{.code = Errc::unsupported, .context = "this workload holds no state still"};
  std::optional<ObjectEvents> events_;
  std::string no_events_;
  bool observed_ = false;
};

}  // namespace

std::unique_ptr<PassProbe> make_objects_probe(const Plan& plan)
{
  return std::make_unique<ObjectsProbe>(plan);
}

}  // namespace rmaplab
