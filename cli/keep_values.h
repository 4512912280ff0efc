// SPDX-License-Identifier: GPL-2.0-only
// What is measured goes to disk as it comes.
#pragma once

#include <span>
#include <string_view>

#include "cli/commands.h"

namespace rmaplab
{

// Adds to the folders of runs while they are measured. A disk that cannot take it is told once and
// is no failure yet: all of it is stored again at the end.
class ValueKeeper
{
 public:
  // Both must outlive it.
  ValueKeeper(std::span<RunWriter> writers, Screen& screen) : writers_(writers), screen_(screen) {}
  void add(std::size_t run, std::span<const Sample> samples, std::string_view dmesg);

 private:
  std::span<RunWriter> writers_;
  Screen& screen_;
  bool told_ = false;
};

}  // namespace rmaplab
