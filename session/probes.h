// SPDX-License-Identifier: GPL-2.0-only
// The makers of the passes' probes, one file each; pass_probe.cpp chooses.
#pragma once

#include "session/pass_probe.h"

namespace rmaplab
{

std::unique_ptr<PassProbe> make_state_probe(const Plan& plan, const PlannedCase& planned);
std::unique_ptr<PassProbe> make_objects_probe(const Plan& plan);
std::unique_ptr<PassProbe> make_faults_probe(const Plan& plan);
std::unique_ptr<PassProbe> make_counters_probe(const PlannedCase& planned);
std::unique_ptr<PassProbe> make_contention_probe(const Plan& plan);
std::unique_ptr<PassProbe> make_holds_probe(const PlannedCase& planned);
std::unique_ptr<PassProbe> make_forest_probe(const Plan& plan);

}  // namespace rmaplab
