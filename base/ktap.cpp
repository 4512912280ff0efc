// SPDX-License-Identifier: GPL-2.0-only
#include "base/ktap.h"

#include <fmt/format.h>

#include "base/text.h"

namespace rmaplab
{

namespace
{

// Words after a '#' would be read as a directive, and a result has one line.
std::string one_line(std::string_view text)
{
  std::string line(trim(text));
  for (char& c : line)
    if (c == '\n' || c == '#')
      c = ' ';
  return line;
}

}  // namespace

std::string ktap_header(std::size_t plan)
{
  return fmt::format("KTAP version 1\n1..{}\n", plan);
}

std::string ktap_diagnostic(std::string_view text)
{
  std::string lines;
  if (!trim(text).empty())
    for (const auto line : lines_of(text))
      lines += fmt::format("# {}\n", line);
  return lines;
}

std::string ktap_result(std::size_t number, std::string_view name, Outcome outcome,
                        std::string_view text)
{
  if (outcome == Outcome::skip)
    return fmt::format("ok {} {} # SKIP {}\n", number, one_line(name), one_line(text));
  return ktap_diagnostic(text) + fmt::format("{} {} {}\n", outcome == Outcome::ok ? "ok" : "not ok",
                                             number, one_line(name));
}

}  // namespace rmaplab
