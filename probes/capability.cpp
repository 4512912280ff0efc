// SPDX-License-Identifier: GPL-2.0-only
#include "probes/capability.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

std::string_view to_string(Capability::State state)
{
  switch (state) {
    case Capability::State::works:
      return "works";
    case Capability::State::partly:
      return "partly";
    case Capability::State::not_here:
      return "no";
  }
  return "?";
}

std::string to_string(const Capability& capability)
{
  return fmt::format("{}: {}{}", to_string(capability.state), capability.reason,
                     capability.remedy.empty() ? "" : "; to have it: " + capability.remedy);
}

bool has_capability(int number)
{
  const auto status = read_file("/proc/self/status");
  if (!status)
    return false;
  for (const auto line : lines_of(*status))
    if (line.rfind("CapEff:", 0) == 0) {
      const auto bits = parse_u64(trim(line.substr(7)), 16);
      return bits && (*bits >> number & 1) != 0;
    }
  return false;
}

}  // namespace rmaplab
