// SPDX-License-Identifier: GPL-2.0-only
// What a probe can measure here, as `rmaplab doctor` and the manifest tell it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

struct Capability {
  enum class State { works, partly, not_here };
  std::string probe;  // "object events"
  State state = State::works;
  std::string reason;  // how it measures, or why it cannot (in part)
  std::string remedy;  // package, sysctl, capability or Kconfig option; "" when nothing helps
};

std::string_view to_string(Capability::State state);  // "works", "partly", "no"
// The state, the reason and the remedy in one line: the manifest's form.
std::string to_string(const Capability& capability);

// Effective capability `number` of <linux/capability.h> of this process.
bool has_capability(int number);

}  // namespace rmaplab
