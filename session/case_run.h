// SPDX-License-Identifier: GPL-2.0-only
// One case, measured in this process: the only place where probes and workloads
// meet. Google Benchmark runs the loop, our reporter turns it into rows.
#pragma once

#include <functional>

#include "base/result.h"
#include "results/sample.h"
#include "session/plan.h"

namespace rmaplab
{

using SampleSink = std::function<void(const Sample&)>;

// Rows have everything but run and boot. Every metric of the pass has a row: a
// value, a skip or, when the workload failed, a failure with its reason. Call
// once in a process: Google Benchmark keeps its registrations.
void run_case(const Plan& plan, const PlannedCase& planned, const SampleSink& sink);

}  // namespace rmaplab
