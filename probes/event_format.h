// SPDX-License-Identifier: GPL-2.0-only
// Where the fields of a trace event lie in its record, from the event's `format` file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace rmaplab
{

struct EventField {
  std::size_t offset = 0;  // bytes from the beginning of the record
  std::size_t bytes = 0;
  bool operator==(const EventField&) const = default;
};

// Pure. Text of tracefs events/SYSTEM/EVENT/format (Documentation/trace/events.rst,
// "Event formats"). Errc::unsupported when the event has no such field.
Result<EventField> event_field(std::string_view format, const std::string& field);

}  // namespace rmaplab
