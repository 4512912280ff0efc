// SPDX-License-Identifier: GPL-2.0-only
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "workloads/rows.h"
#include "workloads/stories.h"

namespace rmaplab
{

namespace
{
// By hand: the linker drops objects of a static library that nobody refers to,
// and workloads that register themselves with them.
// One a line, so that a new one is a line of a diff.
// clang-format off
constexpr const Workload* kCatalog[] = {
    &null_workload,
    &branched_reuse,
    &child_split,
    &contend_rw,
    &contend_ww,
    &fault_islands,
    &fault_shared,
    &fork_after_merge,
    &fork_chain_alive,
    &fork_chain_exit,
    &fork_flat,
    &fork_pinned,
    &fork_siblings,
    &fork_skip,
    &fork_tree,
    &gap_fill,
    &grow,
    &ksm_readers,
    &ksm_walk,
    &map_anywhere,
    &map_limit,
    &merge_next,
    &mprotect_merge,
    &mremap_beside,
    &mremap_child,
    &mremap_dontunmap,
    &mremap_home,
    &mremap_life,
    &mremap_limit,
    &mremap_move,
    &mremap_scramble,
    &mremap_source,
    &mremap_unfaulted,
    &numa_hint,
    &page_idle,
    &prepare_race,
    &private_memfd,
    &punch,
    &remerge,
    &split_faulted,
    &split_unfaulted,
    &stack_grow,
    &teardown,
    &test_corrupt,
    &test_crash,
    &test_hang,
    &test_leak,
    &test_setting,
    &test_stays,
    &test_unfreed,
    &test_warn,
    &thp_split,
    &uffd_move,
    &vma_life,
    &walk_collapse,
    &walk_migrate,
    &walk_readers,
    &walk_reclaim,
};
// clang-format on
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

std::string_view story_of(const Workload& workload)
{
  for (const std::string_view story : kStories)
    for (const auto name : split(story.substr(0, story.find(':')), ','))
      if (trim(name) == workload.name)
        return story;
  return {};
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

namespace
{

Error bad_arguments(const Workload& workload, std::string_view text, const std::string& expected)
{
  return {.code = Errc::usage,
          .context = fmt::format("{}: \"{}\": {}", workload.name, text, expected)};
}

std::optional<std::int64_t> parse_value(const Argument& argument, std::string_view word)
{
  for (std::size_t label = 0; label < argument.labels.size(); ++label)
    if (argument.labels[label] == word)
      return static_cast<std::int64_t>(label);
  const auto number = argument.labels.empty() ? parse_i64(word) : std::nullopt;
  return number && *number >= 0 && *number <= 1'000'000 ? number : std::nullopt;
}

}  // namespace

Result<Values> parse_arguments(const Workload& workload, std::string_view text)
{
  const auto pieces = text.empty() ? std::vector<std::string_view>{} : split(text, ';');
  if (pieces.size() != workload.arguments.size())
    return bad_arguments(workload, text,
                         fmt::format("expected {} arguments", workload.arguments.size()));
  Values values;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Argument& argument = workload.arguments[i];
    const auto equals = pieces[i].find('=');
    if (equals == std::string_view::npos || pieces[i].substr(0, equals) != argument.name)
      return bad_arguments(workload, text, fmt::format("expected {}=", argument.name));
    const auto word = pieces[i].substr(equals + 1);
    const auto value = parse_value(argument, word);
    if (!value)
      return bad_arguments(workload, text,
                           fmt::format("\"{}\" is no value of {}", word, argument.name));
    values.push_back(*value);
  }
  return values;
}

Result<std::vector<Values>> expand_arguments(const Workload& workload, std::string_view text)
{
  std::vector<Values> axes;  // of each argument the values asked for
  for (const std::int64_t value : workload.quick.front())
    axes.push_back({value});
  for (const auto piece : text.empty() ? std::vector<std::string_view>{} : split(text, ';')) {
    const auto equals = std::min(piece.find('='), piece.size());
    std::size_t axis = 0;
    while (axis < axes.size() && workload.arguments[axis].name != piece.substr(0, equals))
      ++axis;
    if (axis == axes.size() || equals == piece.size())
      return bad_arguments(workload, piece,
                           "expected NAME=VALUE[,VALUE...] of one of its arguments");
    axes[axis].clear();
    for (const auto word : split(piece.substr(equals + 1), ',')) {
      const auto value = parse_value(workload.arguments[axis], word);
      if (!value)
        return bad_arguments(
            workload, piece,
            fmt::format("\"{}\" is no value of {}", word, workload.arguments[axis].name));
      axes[axis].push_back(*value);
    }
  }
  std::vector<Values> cases = {{}};
  for (const Values& axis : axes) {
    std::vector<Values> longer;
    for (const Values& begun : cases)
      for (const std::int64_t value : axis) {
        longer.push_back(begun);
        longer.back().push_back(value);
      }
    cases = std::move(longer);
  }
  return cases;
}

}  // namespace rmaplab
