// SPDX-License-Identifier: GPL-2.0-only
#include "cli/keep_values.h"

#include <fmt/format.h>

namespace rmaplab
{

void ValueKeeper::add(std::size_t run, std::span<const Sample> samples, std::string_view dmesg)
{
  const auto kept = writers_[run].append(samples, dmesg);
  if (!kept && !told_)
    screen_.note(
        fmt::format("what is measured is not on disk before the end: {}", to_string(kept.error())));
  told_ = told_ || !kept;
}

}  // namespace rmaplab
