// SPDX-License-Identifier: GPL-2.0-only
#include "session/rows.h"

#include <algorithm>
#include <iterator>

#include "results/metric.h"

namespace rmaplab
{

namespace
{

// Each VMA has its AVCs in the end and all is freed again, whoever came first; how many
// anon_vmas there are, and what was allocated in vain, that decides.
bool depends_on_order(const Metric& metric)
{
  constexpr std::string_view kSettled[] = {"slab_anon_vma_chain", "live_anon_vma_chain",
                                           "forest_avcs"};
  return metric.kind != MetricClass::noisy && !metric.name.starts_with("unfreed_") &&
         std::ranges::find(kSettled, metric.name) == std::end(kSettled) &&
         (metric.name.find("anon_vma") != std::string_view::npos ||
          metric.name.starts_with("forest_") || metric.name == "slab_bytes");
}

}  // namespace

Rows::Rows(const Plan& plan, const PlannedCase& planned, const CaseSink& sink)
    : sink_(sink), exact_(plan.mode == Mode::exact)
{
  common_.replica = plan.replica;
  common_.workload = planned.workload->name;
  common_.workload_version = planned.workload->version;
  common_.arguments = arguments_text(*planned.workload, planned.values);
  common_.pass = to_string(planned.pass);
  if (planned.workload->by_chance)
    by_chance_ = planned.workload->by_chance(planned.values);
}

void Rows::value(std::string_view metric, int repetition, double number, const std::string& site,
                 const std::string& note) const
{
  if (find_metric(metric)->exact_lab && !exact_)
    return no_value(metric, repetition, SampleStatus::skip,
                    "by chance where CPUs run beside one another: counted in the exact lab only");
  if (!by_chance_.empty() && depends_on_order(*find_metric(metric)))
    return no_value(metric, repetition, SampleStatus::skip, by_chance_);
  MeasuredSample sample = row(metric, repetition);
  sample.value = number;
  sample.site = site;
  sample.reason = note;
  sink_.sample(sample);
}

void Rows::no_value(std::string_view metric, int repetition, SampleStatus status,
                    const std::string& reason) const
{
  MeasuredSample sample = row(metric, repetition);
  sample.status = status;
  sample.reason = reason;
  sink_.sample(sample);
}

MeasuredSample Rows::row(std::string_view metric, int repetition) const
{
  MeasuredSample sample = common_;
  sample.metric = metric;
  sample.unit = find_metric(metric)->unit;
  sample.repetition = repetition;
  return sample;
}

}  // namespace rmaplab
