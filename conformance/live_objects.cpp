// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/live_objects.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/lab_guest.h"
#include "conformance/check.h"
#include "probes/slab.h"

namespace rmaplab
{

LiveObjects live_objects()
{
  LiveObjects all;
  if (!in_lab_guest())
    return all;
  for (const auto& usage : read_settled_slab_usage()) {
    all.emplace_back();
    if (usage)
      all.back() = static_cast<std::int64_t>(usage->active_objects);
  }
  return all;
}

void expect_none_left(const LiveObjects& before, std::int64_t slack)
{
  const LiveObjects after = live_objects();
  for (std::size_t i = 0; i < std::min(before.size(), after.size()); ++i)
    if (before[i] && after[i] && *after[i] - *before[i] >= slack)
      not_ok(fmt::format("{} live: expected less than {} more than the {} before, found {} more",
                         kRmapCaches[i], slack, *before[i], *after[i] - *before[i]));
}

}  // namespace rmaplab
