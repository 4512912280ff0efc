// SPDX-License-Identifier: GPL-2.0-only
#include "session/capabilities.h"

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "probes/counters.h"
#include "probes/kernel_log.h"
#include "probes/lock_contention.h"
#include "probes/lock_stat.h"
#include "probes/object_events.h"
#include "probes/page_faults.h"
#include "probes/slab.h"
#include "probes/vma_curve.h"
#include "session/walker_capabilities.h"

namespace rmaplab
{

namespace
{

Capability forest(ProbeClient& client)
{
  Capability capability{.probe = "forest", .state = Capability::State::not_here};
  const auto answer = client.ask("forest-capability");
  const auto cells = answer && answer->rows.size() == 1 ? split(answer->rows.front(), '\t')
                                                        : std::vector<std::string_view>{};
  if (cells.size() != 3) {
    capability.reason = answer ? "rmaplab-probe answered otherwise" : to_string(answer.error());
    return capability;
  }
  for (const auto state : {Capability::State::works, Capability::State::partly})
    if (cells[0] == to_string(state))
      capability.state = state;
  capability.reason = cells[1];
  capability.remedy = cells[2];
  return capability;
}

}  // namespace

std::vector<Capability> probe_capabilities(ProbeClient& client)
{
  std::vector<Capability> all = {vma_curve_capability()};
  for (const auto& cache : kRmapCaches) {
    all.push_back(slab_capability("/proc", "/sys", cache));
    all.back().probe = "slab " + cache;
  }
  all.push_back(object_events_capability());
  all.push_back(forest(client));
  all.push_back(page_faults_capability());
  const auto counters = counters_capability();
  all.insert(all.end(), counters.begin(), counters.end());
  all.push_back(contention_capability());
  all.push_back(lock_stat_capability("/proc"));
  all.push_back(numa_capability());
  all.push_back(swap_capability());
  all.push_back(ksm_capability("/sys"));
  const auto mounts = read_file("/proc/self/mounts");
  all.push_back(memory_reclaim_capability(mounts ? *mounts : ""));
  all.push_back(kernel_log_capability());
  return all;
}

std::pair<std::string, std::string> capability_fact(const Capability& capability)
{
  std::string key = "probe." + capability.probe;
  std::replace(key.begin(), key.end(), ' ', '_');
  return {key, to_string(capability)};
}

}  // namespace rmaplab
