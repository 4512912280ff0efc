// SPDX-License-Identifier: GPL-2.0-only
#include "results/function_counts.h"

#include <fmt/format.h>

#include "base/text.h"

namespace rmaplab
{

Result<std::vector<FunctionCount>> parse_function_counts(const std::string& name,
                                                         std::string_view text)
{
  std::vector<FunctionCount> counts;
  const auto end = text.rfind('\n');
  for (const auto line : lines_of(text.substr(0, end == std::string_view::npos ? 0 : end))) {
    const auto words = split_blanks(line);
    const auto number = [&](std::size_t i) {
      return i < words.size() ? parse_u64(words[i]) : std::nullopt;
    };
    const auto window = number(0);
    const auto repetition = number(1);
    const auto operations = number(2);
    const auto calls = number(4);
    const auto instructions = number(5);
    if (words.size() != 6 || !window || !repetition || !operations || *operations == 0 || !calls ||
        !instructions)
      return Error{.code = Errc::parse,
                   .context = fmt::format("{}: bad line of function counts: {}", name, line)};
    counts.push_back({.window = *window,
                      .repetition = static_cast<int>(*repetition),
                      .operations = *operations,
                      .function = std::string(words[3]),
                      .calls = *calls,
                      .instructions = *instructions});
  }
  return counts;
}

}  // namespace rmaplab
