// SPDX-License-Identifier: GPL-2.0-only
#include "lab/kernel_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
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

namespace
{

struct Refused {
  std::string name;
  std::string text;
};

std::vector<Refused> refused_by_name(std::string_view wanted, std::string_view final_config)
{
  const auto options = config_options(final_config);
  std::vector<Refused> refused;
  for (const auto& [name, value] : config_options(wanted)) {
    const auto found = options.find(name);
    const std::string is = found == options.end() ? "n" : found->second;
    if (is != value)
      refused.push_back({name, fmt::format("{}: wanted {}, is {}", name, value,
                                           found == options.end() ? "absent" : is)});
  }
  return refused;
}

}  // namespace

std::vector<std::string> refused_options(std::string_view wanted, std::string_view final_config)
{
  std::vector<std::string> refused;
  for (auto& [name, text] : refused_by_name(wanted, final_config))
    refused.push_back(std::move(text));
  return refused;
}

void add_symbols(std::string_view kconfig, ConfigSymbols& symbols)
{
  std::string name;  // of the entry that a line is in
  for (const auto line : lines_of(kconfig)) {
    const auto words = split_blanks(line);
    if (words.empty())
      continue;
    const std::string_view first = words[0];
    if ((first == "config" || first == "menuconfig") && words.size() == 2) {
      name = words[1];
      symbols.emplace(name, false);
    } else if (first == "choice" || first == "menu" || first == "if" || first == "comment") {
      name.clear();
    } else if (!name.empty() && words.size() > 1 &&
               (words[1].starts_with('"') || words[1].starts_with('\'')) &&
               (first == "bool" || first == "tristate" || first == "int" || first == "hex" ||
                first == "string" || first == "prompt")) {
      symbols[name] = true;
    }
  }
}

ConfigChanges config_changes(std::string_view wanted, std::string_view final_config,
                             const ConfigSymbols& symbols)
{
  ConfigChanges changes{.options = config_options(wanted).size()};
  for (const auto& [name, text] : refused_by_name(wanted, final_config)) {
    const auto symbol = symbols.find(name);
    if (symbol == symbols.end())
      ++changes.unknown;
    else if (!symbol->second)
      ++changes.computed;
    else
      changes.otherwise.push_back(text);
  }
  return changes;
}

std::string to_string(const std::string& name, const ConfigChanges& changes)
{
  constexpr std::size_t kMostNamed = 10;
  const auto& otherwise = changes.otherwise;
  const auto named = std::span(otherwise).first(std::min(kMostNamed, otherwise.size()));
  return fmt::format(
      "{}: {} options; {} that this source does not have, {} that nobody chooses (compiler, "
      "version) and {} that can be chosen came out otherwise{}{}{}",
      name, changes.options, changes.unknown, changes.computed, otherwise.size(),
      named.empty() ? "" : ": ", fmt::join(named, "; "),
      named.size() == otherwise.size()
          ? ""
          : fmt::format("; and {} more", otherwise.size() - named.size()));
}

std::map<std::string, std::string> missing_keys(
    std::string_view config, const std::function<bool(const std::string&)>& is_there)
{
  // Of certs/Kconfig. The build makes the first itself when it has its default's name.
  constexpr std::string_view kKeys[] = {"MODULE_SIG_KEY", "SYSTEM_TRUSTED_KEYS",
                                        "SYSTEM_REVOCATION_KEYS", "SYSTEM_BLACKLIST_HASH_LIST"};
  constexpr std::string_view kMadeByTheBuild = "certs/signing_key.pem";
  std::map<std::string, std::string> missing;
  const auto options = config_options(config);
  for (const auto key : kKeys) {
    const auto option = options.find(std::string(key));
    if (option == options.end() || option->second.size() < 2 || option->second[0] != '"')
      continue;
    const std::string file = option->second.substr(1, option->second.size() - 2);
    if (!file.empty() && file != kMadeByTheBuild && !is_there(file))
      missing[option->first] = file;
  }
  return missing;
}

bool is_whole_config(std::string_view text)
{
  return text.substr(0, 400).find("Automatically generated file; DO NOT EDIT") !=
         std::string_view::npos;
}

}  // namespace rmaplab
