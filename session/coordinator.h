// SPDX-License-Identifier: GPL-2.0-only
// Runs a plan: each case in a process of its own, freshly executed, so that one
// case's heap or crash never reaches another's figures.
#pragma once

#include <string>

#include "base/result.h"
#include "results/wire.h"
#include "session/plan.h"

namespace rmaplab
{

// Writes env, progress, sample, out, err and dmesg records; the caller writes the end.
// `runner` is the program that has the `case` command. True when no case failed. A case that
// dies or hangs becomes a failed row, and so does what the oracles find (session/oracles.h);
// the others go on.
Result<bool> run_plan(const Plan& plan, const std::string& runner, RecordWriter& out);

// What the running kernel is and what each probe can do on it, as env records; the
// caller writes the end.
Result<> run_doctor(RecordWriter& out);

// Arguments of the `case` command for one case; the runner parses them.
std::vector<std::string> case_arguments(const Plan& plan, const PlannedCase& planned);

}  // namespace rmaplab
