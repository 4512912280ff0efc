// SPDX-License-Identifier: GPL-2.0-only
// How the lab tells its caller what it is doing; the caller decides whether
// anybody is shown it.
#pragma once

#include <functional>
#include <string>

namespace rmaplab
{

enum class Note {
  lasting,  // stays on the screen, or in a log
  passing,  // what is being waited for; worth showing on a terminal only
};

// Lines without a newline.
struct Notify {
  std::function<void(const std::string&, Note)> show;
  void operator()(const std::string& line) const { show(line, Note::lasting); }
  void passing(const std::string& line) const { show(line, Note::passing); }
};

}  // namespace rmaplab
