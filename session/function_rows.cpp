// SPDX-License-Identifier: GPL-2.0-only
#include "session/function_rows.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "results/metric.h"

namespace rmaplab
{

namespace
{

// The row whose parts the counts of one repetition are; null where there is none.
const Sample* whole_of(const PlannedCase& planned, int repetition, std::span<const Sample> samples)
{
  const std::string arguments = arguments_text(*planned.workload, planned.values);
  const auto found = std::ranges::find_if(samples, [&](const Sample& sample) {
    return sample.value && sample.metric == "instructions_mean" &&
           sample.workload == planned.workload->name && sample.arguments == arguments &&
           sample.repetition == repetition;
  });
  return found == samples.end() ? nullptr : &*found;
}

struct Sum {
  std::uint64_t operations = 0;
  std::uint64_t calls = 0;
  std::uint64_t instructions = 0;
};

}  // namespace

std::vector<Sample> function_rows(const std::vector<FunctionCount>& counts,
                                  std::span<const PlannedCase> cases,
                                  std::span<const Sample> samples)
{
  std::map<std::tuple<std::size_t, int, std::string>, Sum> sums;
  for (const FunctionCount& count : counts) {
    Sum& sum = sums[{count.window, count.repetition, count.function}];
    sum.operations = count.operations;
    sum.calls += count.calls;
    sum.instructions += count.instructions;
  }
  std::vector<Sample> rows;
  const Sample* whole = nullptr;
  std::pair<std::size_t, int> of{SIZE_MAX,
                                 0};  // window and repetition: those of one follow another
  for (const auto& [key, sum] : sums) {
    const auto& [window, repetition, function] = key;
    if (of != std::pair{window, repetition})
      whole = window < cases.size() ? whole_of(cases[window], repetition, samples) : nullptr;
    of = {window, repetition};
    if (!whole)
      continue;
    const double divisor = static_cast<double>(sum.operations) *
                           static_cast<double>(cases[window].workload->items(cases[window].values));
    Sample row = *whole;
    row.site = function;
    auto add = [&](std::string_view metric, std::uint64_t total) {
      row.metric = metric;
      row.unit = find_metric(metric)->unit;
      row.value = static_cast<double>(total) / divisor;
      rows.push_back(row);
    };
    add("function_instructions", sum.instructions);
    if (sum.calls > 0)
      add("function_calls", sum.calls);
  }
  return rows;
}

}  // namespace rmaplab
