// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_config.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"

namespace rmaplab
{

namespace
{

// The option that a line sets and its value; an empty name for any other line.
std::pair<std::string, std::string> option_of(std::string_view line)
{
  constexpr std::string_view kPrefix = "CONFIG_";
  constexpr std::string_view kUnset = " is not set";
  if (line.substr(0, kPrefix.size()) == kPrefix) {
    const auto equals = line.find('=');
    if (equals != std::string_view::npos)
      return {std::string(line.substr(kPrefix.size(), equals - kPrefix.size())),
              std::string(trim(line.substr(equals + 1)))};
  }
  if (line.substr(0, 2) == "# " && line.substr(2, kPrefix.size()) == kPrefix) {
    const auto end = line.find(kUnset);
    if (end != std::string_view::npos)
      return {std::string(line.substr(2 + kPrefix.size(), end - 2 - kPrefix.size())), "n"};
  }
  return {};
}

}  // namespace

std::map<std::string, std::string> config_options(std::string_view text)
{
  std::map<std::string, std::string> options;
  for (const auto line : lines_of(text))
    if (auto [name, value] = option_of(line); !name.empty())
      options[name] = value;
  return options;
}

std::string merge_config(std::string_view base, std::string_view fragment)
{
  const auto set = config_options(fragment);
  std::string merged;
  for (const auto line : lines_of(base))
    if (set.find(option_of(line).first) == set.end())
      merged += std::string(line) + '\n';
  for (const auto& [name, value] : set)
    merged += value == "n" ? fmt::format("# CONFIG_{} is not set\n", name)
                           : fmt::format("CONFIG_{}={}\n", name, value);
  return merged;
}

std::vector<std::string> refused_options(std::string_view wanted, std::string_view final_config)
{
  const auto options = config_options(final_config);
  std::vector<std::string> refused;
  for (const auto& [name, value] : config_options(wanted)) {
    const auto found = options.find(name);
    const std::string is = found == options.end() ? "n" : found->second;
    if (is != value)
      refused.push_back(
          fmt::format("{}: wanted {}, is {}", name, value, found == options.end() ? "absent" : is));
  }
  return refused;
}

bool is_whole_config(std::string_view text)
{
  return text.substr(0, 400).find("Automatically generated file; DO NOT EDIT") !=
         std::string_view::npos;
}

}  // namespace rmaplab
