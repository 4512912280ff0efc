// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include "base/text.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{
// By hand: the linker drops objects of a static library that nobody refers to,
// and workloads that register themselves with them.
constexpr const Workload* kCatalog[] = {
    &null_workload, &contend_ww,  &fork_chain_alive, &fork_chain_exit, &fork_flat,
    &fork_skip,     &mremap_move, &mremap_scramble,  &remerge,         &split_faulted,
    &teardown,      &test_crash,  &test_hang,
};
}  // namespace

std::span<const Workload* const> catalog()
{
  return kCatalog;
}

const Workload* find_workload(std::string_view name)
{
  for (const Workload* workload : kCatalog)
    if (workload->name == name)
      return workload;
  return nullptr;
}

std::string arguments_text(const Workload& workload, const Values& values)
{
  std::string text;
  for (std::size_t i = 0; i < workload.arguments.size(); ++i) {
    const Argument& argument = workload.arguments[i];
    const auto index = static_cast<std::size_t>(values[i]);
    text += fmt::format("{}{}={}", i ? ";" : "", argument.name,
                        index < argument.labels.size() ? std::string(argument.labels[index])
                                                       : std::to_string(values[i]));
  }
  return text;
}

Result<Values> parse_arguments(const Workload& workload, std::string_view text)
{
  auto reject = [&](const std::string& expected) {
    return Error{.code = Errc::usage,
                 .context = fmt::format("{}: \"{}\": {}", workload.name, text, expected)};
  };
  const auto pieces = text.empty() ? std::vector<std::string_view>{} : split(text, ';');
  if (pieces.size() != workload.arguments.size())
    return reject(fmt::format("expected {} arguments", workload.arguments.size()));
  Values values;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Argument& argument = workload.arguments[i];
    const auto equals = pieces[i].find('=');
    if (equals == std::string_view::npos || pieces[i].substr(0, equals) != argument.name)
      return reject(fmt::format("expected {}=", argument.name));
    const auto word = pieces[i].substr(equals + 1);
    std::optional<std::int64_t> value;
    if (argument.labels.empty())
      value = parse_i64(word);
    for (std::size_t label = 0; label < argument.labels.size(); ++label)
      if (argument.labels[label] == word)
        value = static_cast<std::int64_t>(label);
    if (!value || *value < 0 || *value > 1'000'000)
      return reject(fmt::format("\"{}\" is no value of {}", word, argument.name));
    values.push_back(*value);
  }
  return values;
}

}  // namespace rmaplab
