// SPDX-License-Identifier: GPL-2.0-only
// One case, measured in this process: the only place where probes and workloads
// meet. Google Benchmark runs the loop, our reporter turns it into rows.
#pragma once

#include "session/plan.h"
#include "session/rows.h"

namespace rmaplab
{

// Rows have everything but run and boot. Every metric of the pass has a row: a
// value, a skip or, when the workload failed, a failure with its reason. Call
// once in a process: Google Benchmark keeps its registrations.
void run_case(const Plan& plan, const PlannedCase& planned, const CaseSink& sink);

}  // namespace rmaplab
