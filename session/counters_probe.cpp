// SPDX-License-Identifier: GPL-2.0-only
// The counters pass: hardware and software counters of each operation.
#include <fmt/format.h>

#include <optional>

#include "probes/counters.h"
#include "session/probes.h"

namespace rmaplab
{

namespace
{

// "user_cycles"; software counters have no side.
std::string metric_of(const Counter& counter)
{
  if (!counter.hardware)
    return counter.is_clock ? "task_clock" : std::string(counter.name);
  return fmt::format("{}_{}", to_string(counter.scope), counter.name);
}

class CountersProbe : public PassProbe
{
 public:
  explicit CountersProbe(const PlannedCase& planned)
      : items_(static_cast<double>(planned.workload->items(planned.values))),
        children_live_on_(planned.workload->contends)
  {
    for (const Counter& counter : all_counters())
      names_.push_back(metric_of(counter));
  }
  std::vector<std::string_view> metrics() const override { return {names_.begin(), names_.end()}; }
  Result<> arm() override
  {
    auto counters = Counters::open();
    if (!counters)
      return counters.error();
    counters_.emplace(*std::move(counters));
    return ok();
  }
  void begin() override { counters_->begin(); }
  void end() override { counters_->end(); }
  // Each round as often as the others.
  Repeats repeats(Repeats given) const override
  {
    const auto rounds = static_cast<int>(counters_->rounds());
    constexpr int kOfEach = 8;
    return {.warm_up = given.warm_up, .kept = std::min(given.kept, kOfEach) * rounds};
  }
  void report(const Rows& rows) override
  {
    const auto values = counters_->read();
    std::string sources;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const CounterValue& value = values[i];
      if (children_live_on_ && value.source == "getrusage") {
        rows.no_value(names_[i], 0, SampleStatus::skip,
                      "getrusage tells of reaped children, and this workload's live on");
        continue;
      }
      if (!value.value || value.operations == 0) {
        rows.no_value(names_[i], 0, SampleStatus::skip,
                      value.reason.empty() ? "no operation was counted" : value.reason);
        continue;
      }
      rows.value(names_[i], 0, *value.value / value.operations / items_, "",
                 value.scaled ? "scaled by time: the counters of the PMU were shared" : "");
      if (all_counters()[i].hardware)
        sources = value.source;
    }
    if (!sources.empty())
      rows.fact("counters.source", sources);
    rows.fact("counters.reach", counters_->scope_note());
  }

 private:
  double items_;
  bool children_live_on_;
  std::vector<std::string> names_;
  std::optional<Counters> counters_;
};

}  // namespace

std::unique_ptr<PassProbe> make_counters_probe(const PlannedCase& planned)
{
  return std::make_unique<CountersProbe>(planned);
}

}  // namespace rmaplab
