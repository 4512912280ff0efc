// SPDX-License-Identifier: GPL-2.0-only
// The objects pass: what one operation allocates and frees, by kernel function, and
// what is alive when its state is held still.
#include <optional>

#include "probes/object_events.h"
#include "probes/slab.h"
#include "session/probes.h"

namespace rmaplab
{

namespace
{

class ObjectsProbe : public PassProbe
{
 public:
  explicit ObjectsProbe(bool full) : buffer_kib_(full ? 64 << 10 : 8 << 10) {}
  std::vector<std::string_view> metrics() const override
  {
    return {"alloc_vm_area_struct", "alloc_anon_vma", "alloc_anon_vma_chain",
            "free_vm_area_struct",  "free_anon_vma",  "free_anon_vma_chain",
            "live_vm_area_struct",  "live_anon_vma",  "live_anon_vma_chain"};
  }
  Result<> arm() override
  {
    auto events = ObjectEvents::arm(buffer_kib_);
    if (!events)
      return events.error();
    events_.emplace(*std::move(events));
    return ok();
  }
  void begin() override { events_->begin(); }
  void end() override { events_->end(); }
  bool observes() const override { return true; }
  void observe(std::span<const pid_t>) override
  {
    if (!std::exchange(observed_, true))
      events_->observe();
  }
  // The first operation may fault in what later ones find there.
  Repeats repeats(Repeats) const override { return {.warm_up = 1, .kept = 1}; }
  void report(const Rows& rows) override
  {
    const auto trace = events_->read();
    if (!trace) {
      for (const auto metric : metrics())
        rows.no_value(metric, 0, SampleStatus::skip, to_string(trace.error()));
      return;
    }
    for (const auto& cache : kRmapCaches)
      report_cache(rows, *trace, cache);
    if (!trace->clone_gfp.empty())
      rows.fact("kernel.anon_vma_clone_gfp", trace->clone_gfp);
  }

 private:
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
  std::optional<ObjectEvents> events_;
  bool observed_ = false;
};

}  // namespace

std::unique_ptr<PassProbe> make_objects_probe(const Plan& plan)
{
  return std::make_unique<ObjectsProbe>(plan.preset == "full");
}

}  // namespace rmaplab
