// SPDX-License-Identifier: GPL-2.0-only
#include "session/rows.h"

#include "results/metric.h"

namespace rmaplab
{

Rows::Rows(const Plan& plan, const PlannedCase& planned, const CaseSink& sink) : sink_(sink)
{
  common_.replica = plan.replica;
  common_.workload = planned.workload->name;
  common_.workload_version = planned.workload->version;
  common_.arguments = arguments_text(*planned.workload, planned.values);
  common_.pass = to_string(planned.pass);
}

void Rows::value(std::string_view metric, int repetition, double number, const std::string& site,
                 const std::string& note) const
{
  Sample sample = row(metric, repetition);
  sample.value = number;
  sample.site = site;
  sample.reason = note;
  sink_.sample(sample);
}

void Rows::no_value(std::string_view metric, int repetition, SampleStatus status,
                    const std::string& reason) const
{
  Sample sample = row(metric, repetition);
  sample.status = status;
  sample.reason = reason;
  sink_.sample(sample);
}

Sample Rows::row(std::string_view metric, int repetition) const
{
  Sample sample = common_;
  sample.metric = metric;
  sample.unit = find_metric(metric)->unit;
  sample.repetition = repetition;
  return sample;
}

}  // namespace rmaplab
