// SPDX-License-Identifier: GPL-2.0-only
// What a run lacks of its plan: boots that failed, boots and cases that brought nothing. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "results/manifest.h"
#include "results/sample.h"

namespace rmaplab
{

struct Gap {
  bool failed = false;  // a boot failed, on whoever's account; else something is not there
  std::string text;     // one line, without the run's name

  bool operator==(const Gap&) const = default;
};

// What a runner says of its boot's plan; the manifest has it by boot.
inline constexpr const char* kPlanCases = "plan.cases";

// Errc::parse where a key of the plan has no meaning: plan.boots is a number from 1, as `replicas`
// where that is there; plan.cases.N, of a boot of these, is words like "bare=57". `name` is what an
// error calls the manifest.
Result<> check_plan_keys(const std::string& name, const Manifest& manifest);

// Beside these what else a manifest says is lost or not known: lines of the kernel's log, the cases
// of a boot's plan, a workload without rows. The plan is in the manifest: plan.boots, and
// plan.cases.N of each boot, "bare=57 state=57". Runs from before these keys have `replicas` at
// most: their cases are not known.
std::vector<Gap> gaps_of(const Manifest& manifest, const std::vector<Sample>& samples);

// Whether the reason of a row without a value says that it was measured and lost (events that did
// not fit in a buffer), in place of that it cannot be measured there.
bool tells_of_loss(std::string_view reason);

}  // namespace rmaplab
