// SPDX-License-Identifier: GPL-2.0-only
// The state pass: VMA counts and slab use of one operation that is held still.
#include <optional>

#include "probes/slab.h"
#include "probes/vma_count.h"
#include "replay/program.h"
#include "session/probes.h"
#include "session/replay_workload.h"
#include "session/rmap_oracle.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

// A replay's is where other processes have their program, too.
constexpr AddressRange kWorkloads = {.begin = kArenaBegin, .end = kArenaEnd};
constexpr AddressRange kReplays = {.begin = kReplayArenaBegin, .end = kReplayArenaEnd};

using CacheUse = std::vector<Result<SlabUsage>>;  // in the order of kRmapCaches

class StateProbe : public PassProbe
{
 public:
  StateProbe(const Plan& plan, const PlannedCase& planned)
      : oracle_(plan.probe_fd, RmapOracle::kInState),
        arena_(planned.workload->name == kReplayWorkload ? kReplays : kWorkloads)
  {
    if (planned.workload->holds_nothing && !planned.values.empty())
      holds_nothing_ = planned.workload->holds_nothing(planned.values);
  }
  std::vector<std::string_view> metrics() const override
  {
    return {"vmas",
            "process_vmas",
            "slab_vm_area_struct",
            "slab_anon_vma",
            "slab_anon_vma_chain",
            "map_count_headroom",
            RmapOracle::kInState};
  }
  Result<> arm() override
  {
    before_ = read_settled_slab_usage();
    return ok();
  }
  bool observes() const override { return true; }
  void observe(std::span<const pid_t> processes) override
  {
    if (!after_.empty())
      return;
    after_ = read_settled_slab_usage();
    for (const pid_t pid : processes) {
      counts_.push_back(read_vma_count("/proc", pid, arena_));
      if (auto left = read_map_count_headroom("/proc", pid);
          !headroom_ || (left && *headroom_ && *left < **headroom_))
        headroom_.emplace(std::move(left));
    }
    oracle_.look(processes);
  }
  void report(const Rows& rows) override
  {
    if (after_.empty() && !holds_nothing_.empty()) {
      for (const auto metric : metrics())
        rows.no_value(metric, 0, SampleStatus::skip, holds_nothing_);
      return;
    }
    oracle_.report(rows);
    if (oracle_.found_faults())
      return;
    if (after_.empty())
      return rows.no_value("vmas", 0, SampleStatus::fail, "nothing was observed");
    for (std::size_t i = 0; i < kRmapCaches.size(); ++i) {
      const std::string metric = "slab_" + kRmapCaches[i];
      const auto& left = before_[i];
      const auto& right = after_[i];
      if (left && right)
        rows.value(
            metric, 0,
            static_cast<double>(right->active_objects) - static_cast<double>(left->active_objects));
      else
        rows.no_value(metric, 0, SampleStatus::skip,
                      to_string(left ? right.error() : left.error()));
    }
    report_bytes(rows);
    if (headroom_ && *headroom_)
      rows.value("map_count_headroom", 0, static_cast<double>(**headroom_));
    else if (headroom_)
      rows.no_value("map_count_headroom", 0, SampleStatus::skip, to_string(headroom_->error()));
    VmaCount sum;
    for (const auto& count : counts_) {
      if (!count) {
        rows.no_value("vmas", 0, SampleStatus::skip, to_string(count.error()));
        rows.no_value("process_vmas", 0, SampleStatus::skip, to_string(count.error()));
        return;
      }
      sum.all += count->all;
      sum.in_range += count->in_range;
    }
    rows.value("vmas", 0, static_cast<double>(sum.in_range));
    rows.value("process_vmas", 0, static_cast<double>(sum.all));
  }

 private:
  void report_bytes(const Rows& rows) const
  {
    double sum = 0;
    bool all = true;
    for (std::size_t i = 0; i < kRmapCaches.size(); ++i) {
      all = all && before_[i] && after_[i];
      if (!before_[i] || !after_[i])
        continue;
      const double bytes = static_cast<double>(after_[i]->active_bytes()) -
                           static_cast<double>(before_[i]->active_bytes());
      rows.value("slab_bytes", 0, bytes, kRmapCaches[i]);
      sum += bytes;
    }
    if (all)
      rows.value("slab_bytes", 0, sum);
    else
      rows.no_value("slab_bytes", 0, SampleStatus::skip, "not all three caches can be read");
  }

  RmapOracle oracle_;
  AddressRange arena_;
  std::string holds_nothing_;
  CacheUse before_;
  CacheUse after_;
  std::vector<Result<VmaCount>> counts_;
  std::optional<Result<std::uint64_t>> headroom_;  // the least of the processes'
};

}  // namespace

std::unique_ptr<PassProbe> make_state_probe(const Plan& plan, const PlannedCase& planned)
{
  return std::make_unique<StateProbe>(plan, planned);
}

}  // namespace rmaplab
