// SPDX-License-Identifier: GPL-2.0-only
// What every probe can do on the running kernel, found by trying each.
#pragma once

#include <vector>

#include "probes/capability.h"
#include "session/probe_client.h"

namespace rmaplab
{

// In the order `rmaplab doctor` prints. `client` asks rmaplab-probe, which has what the
// runner does not link. About a third of a second on a machine, two in an exact guest;
// maps, forks and traces, so never before or between timed cases.
std::vector<Capability> probe_capabilities(ProbeClient& client);

// "probe.object_events" and what the manifest says for it.
std::pair<std::string, std::string> capability_fact(const Capability& capability);

}  // namespace rmaplab
