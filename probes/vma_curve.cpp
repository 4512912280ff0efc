// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_curve.h"

#include <fmt/format.h>
#include <unistd.h>

#include "probes/vma_count.h"

namespace rmaplab
{

Capability vma_curve_capability()
{
  Capability capability{.probe = "VMAs over time"};
  const auto count = read_vma_count("/proc", ::getpid(), {});
  if (!count) {
    capability.state = Capability::State::not_here;
    capability.reason = to_string(count.error());
    capability.remedy = "mount /proc";
    return capability;
  }
  const auto headroom = read_map_count_headroom("/proc", ::getpid());
  if (!headroom) {
    capability.state = Capability::State::partly;
    capability.reason = "no headroom to the limit: " + to_string(headroom.error());
    capability.remedy = "mount /proc with its sys folder";
    return capability;
  }
  capability.reason =
      fmt::format("from /proc/PID/maps; this process could have {} more VMAs", *headroom);
  return capability;
}

}  // namespace rmaplab
