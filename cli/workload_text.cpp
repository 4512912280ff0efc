// SPDX-License-Identifier: GPL-2.0-only
#include "cli/workload_text.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kColumns = 100;
constexpr std::string_view kNoPatch = "none";

// Patches of the first series ("mm: clean up anon_vma implementation") that no workload names.
constexpr std::string_view kPathless =
    "Patches of series 1 without a path that a program can see: 6 (makes functions internal) and "
    "7 (adds a helper, vma_is_attached()). Patch 1 adds asserts to what patches 2 to 5, 8 and 9 "
    "change: their workloads run them on a kernel with CONFIG_DEBUG_VM.";
constexpr std::string_view kSeries =
    "series 1: \"mm: clean up anon_vma implementation\", merged for 7.0; series 2: "
    "\"mm/mremap: introduce more mergeable mremap via MREMAP_RELOCATE_ANON\", never merged; "
    "control: what neither is to change.";

// "vmas, kind (unfaulted, dontfork)"
std::string arguments_of(const Workload& w)
{
  std::string text;
  for (const Argument& argument : w.arguments) {
    text += fmt::format("{}{}", text.empty() ? "" : ", ", argument.name);
    if (!argument.labels.empty())
      text += fmt::format(" ({})", fmt::join(argument.labels, ", "));
  }
  return text.empty() ? "none" : text;
}

std::string cases_of(const Workload& w, const std::vector<Values>& preset)
{
  std::string text;
  for (const Values& values : preset)
    text += fmt::format("{}{}", text.empty() ? "" : ", ",
                        values.empty() ? "no arguments" : arguments_text(w, values));
  return text;
}

std::int64_t most_memory_mib(const Workload& w)
{
  std::int64_t pages = 0;
  for (const Values& values : w.full)
    pages = std::max(pages, w.memory_pages ? w.memory_pages(values) : 0);
  constexpr std::int64_t kPagesOfAMib = (1 << 20) / 4096;
  return (pages + kPagesOfAMib - 1) / kPagesOfAMib;
}

// Single patches of "series 1: 4, 8; series 2": "1/4", "1/8", "2".
std::vector<std::string> patches_of(const Workload& w)
{
  std::vector<std::string> patches;
  for (const auto part : split(w.patches, ';')) {
    const auto words = split(part, ':');
    const std::string series(split_blanks(words[0]).back());
    if (words.size() == 1)
      patches.push_back(series);
    else
      for (const auto number : split(words[1], ','))
        patches.push_back(fmt::format("{}/{}", series, trim(number)));
  }
  return patches;
}

// "Core, ...: null, fork_flat, ..."
std::string core_text(std::span<const Workload* const> workloads)
{
  std::vector<std::string_view> core;
  for (const Workload* w : workloads)
    if (w->core && !w->hidden)
      core.push_back(w->name);
  return fmt::format("Core, the quick preset when no workload is named: {}.",
                     fmt::join(core, ", "));
}

std::map<std::string, std::string> workloads_of_patches(std::span<const Workload* const> workloads)
{
  std::map<std::string, std::string> index;
  for (const Workload* w : workloads)
    if (!w->hidden && !w->patches.starts_with(kNoPatch))
      for (const std::string& patch : patches_of(*w))
        index[patch] += fmt::format("{}{}", index[patch].empty() ? "" : ", ", w->name);
  return index;
}

}  // namespace

std::string entry(std::string_view name, std::size_t width, std::string_view words)
{
  std::string text;
  std::string line = fmt::format("{:<{}}", name, width);
  for (const auto word : split_blanks(words)) {
    if (line.size() + 1 + word.size() > kColumns) {
      text += line + '\n';
      line.assign(width, ' ');
    }
    line += fmt::format("{}{}", line.empty() ? "" : " ", word);
  }
  return text + line + '\n';
}

std::string rows_text(std::span<const Workload* const> workloads)
{
  std::size_t width = 0;
  for (const Workload* w : workloads)
    width = std::max(width, w->hidden ? 0 : w->name.size() + 1);
  std::string text;
  for (const Workload* w : workloads)
    if (!w->hidden)
      text += entry(w->name, width, w->summary) +
              entry("", width, "arguments: " + arguments_of(*w)) +
              entry("", width, fmt::format("patches: {}", w->patches));
  return text;
}

std::string catalog_text(std::span<const Workload* const> workloads)
{
  return rows_text(workloads) + '\n' + entry("", 0, core_text(workloads)) + entry("", 0, kSeries) +
         entry("", 0, kPathless);
}

std::string story_text(const Workload& w)
{
  std::string text(story_of(w));
  constexpr std::size_t kName = 13;
  text += '\n' + entry("version", kName, std::to_string(w.version)) +
          entry("kernel path", kName, w.kernel_path) + entry("patches", kName, w.patches) +
          entry("figures per", kName, w.item) + entry("arguments", kName, arguments_of(w)) +
          entry("quick", kName, cases_of(w, w.quick)) +
          (w.beyond.empty() ? "" : entry("and last", kName, cases_of(w, w.beyond))) +
          entry("full", kName, cases_of(w, w.full)) +
          entry("memory", kName,
                fmt::format("at most {} MiB with pages of 4 KiB, in the full preset",
                            most_memory_mib(w)));
  if (w.core)
    text += entry("", kName, "in the quick preset when no workload is named");
  return text;
}

std::string catalog_markdown(std::span<const Workload* const> workloads)
{
  std::string text = fmt::format(
      "# Workloads\n\n"
      "Made by `rmaplab list --markdown`, from the rows of the catalog and the first comment of\n"
      "each workload's file; a test holds this page to them.\n\n"
      "Patches are those of {}\n\n{}\n\n| workload | one operation | patches |\n|---|---|---|\n",
      kSeries, kPathless);
  for (const Workload* w : workloads)
    if (!w->hidden)
      text += fmt::format("| [{0}](#{0}) | {1} | {2} |\n", w->name, w->summary, w->patches);
  text += "\n## By patch\n\n| patch | workloads |\n|---|---|\n";
  for (const auto& [patch, names] : workloads_of_patches(workloads))
    text += fmt::format("| {} | {} |\n", patch, names);
  for (const Workload* w : workloads)
    if (!w->hidden)
      text += fmt::format("\n## {}\n\n```\n{}```\n", w->name, story_text(*w));
  return text;
}

}  // namespace rmaplab
