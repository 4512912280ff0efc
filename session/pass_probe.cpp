// SPDX-License-Identifier: GPL-2.0-only
#include "session/pass_probe.h"

#include "session/probes.h"

namespace rmaplab
{

std::vector<std::string> metrics_of(const Plan& plan, Pass pass)
{
  if (pass == Pass::bare)
    return plan.mode == Mode::exact ? std::vector<std::string>{"instructions", "instructions_mean"}
                                    : std::vector<std::string>{"wall_time"};
  const auto probe = make_probe(plan, {.workload = catalog().front(), .values = {}, .pass = pass});
  const auto names = probe->metrics();
  return {names.begin(), names.end()};
}

std::unique_ptr<PassProbe> make_probe(const Plan& plan, const PlannedCase& planned)
{
  switch (planned.pass) {
    case Pass::bare:
      break;
    case Pass::state:
      return make_state_probe(plan, planned);
    case Pass::objects:
      return make_objects_probe(plan);
    case Pass::faults:
      return make_faults_probe(plan);
    case Pass::counters:
      return make_counters_probe(planned);
    case Pass::contention:
      return make_contention_probe(plan);
    case Pass::holds:
      return make_holds_probe(planned);
    case Pass::forest:
      return make_forest_probe(plan);
  }
  return nullptr;
}

}  // namespace rmaplab
