// SPDX-License-Identifier: GPL-2.0-only
#include "session/pass_probe.h"

#include "session/probes.h"

namespace rmaplab
{

std::unique_ptr<PassProbe> make_probe(const Plan& plan, const PlannedCase& planned)
{
  switch (planned.pass) {
    case Pass::bare:
      break;
    case Pass::state:
      return make_state_probe();
    case Pass::objects:
      return make_objects_probe(plan);
    case Pass::faults:
      return make_faults_probe(plan);
    case Pass::counters:
      return make_counters_probe(planned);
    case Pass::contention:
      return make_contention_probe(plan);
    case Pass::forest:
      return make_forest_probe(plan);
  }
  return nullptr;
}

}  // namespace rmaplab
