// SPDX-License-Identifier: GPL-2.0-only
#include "probes/forest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rmaplab
{

std::string id_text(AnonVmaId id)
{
  return fmt::format("A{}", id);
}

std::optional<bool> is_reuse_candidate(const Forest& forest, AnonVmaId id)
{
  const AnonVma& anon_vma = forest.anon_vmas[id - 1];
  if (!anon_vma.root || !anon_vma.num_children || !anon_vma.num_active_vmas)
    return std::nullopt;
  return *anon_vma.root != id && *anon_vma.num_active_vmas == 0 && *anon_vma.num_children <= 1;
}

AnonVmaTrees trees_of(const Forest& forest)
{
  const std::size_t count = forest.anon_vmas.size();
  AnonVmaTrees trees{.children = std::vector<std::vector<AnonVmaId>>(count),
                     .depth = std::vector<std::uint64_t>(count, 0)};
  for (AnonVmaId id = 1; id <= count; ++id) {
    const auto parent = forest.anon_vmas[id - 1].parent;
    if (!parent || *parent == id)
      trees.roots.push_back(id);
    else
      trees.children[*parent - 1].push_back(id);
  }
  std::vector<AnonVmaId> level = trees.roots;
  for (std::uint64_t depth = 1; !level.empty(); ++depth) {
    std::vector<AnonVmaId> next;
    for (const AnonVmaId id : level) {
      trees.depth[id - 1] = depth;
      next.insert(next.end(), trees.children[id - 1].begin(), trees.children[id - 1].end());
    }
    level = std::move(next);
  }
  return trees;
}

ForestSummary summarise(const Forest& forest)
{
  ForestSummary summary{.processes = forest.processes.size(),
                        .anon_vmas = forest.anon_vmas.size(),
                        .reuse_candidates = 0};
  for (const auto& process : forest.processes)
    for (const auto& vma : process.vmas) {
      ++summary.vmas;
      summary.vmas_with_anon_vma += vma.anon_vma.has_value();
      summary.avcs += vma.chain.size();
      summary.longest_chain = std::max<std::uint64_t>(summary.longest_chain, vma.chain.size());
      summary.truncated_chains += vma.truncated;
    }
  const AnonVmaTrees trees = trees_of(forest);
  summary.roots = trees.roots.size();
  for (AnonVmaId id = 1; id <= forest.anon_vmas.size(); ++id) {
    summary.tree_depth = std::max(summary.tree_depth, trees.depth[id - 1]);
    summary.widest_fan_out =
        std::max<std::uint64_t>(summary.widest_fan_out, trees.children[id - 1].size());
    const auto candidate = is_reuse_candidate(forest, id);
    if (!candidate)
      summary.reuse_candidates.reset();
    else if (summary.reuse_candidates)
      *summary.reuse_candidates += *candidate;
  }
  return summary;
}

std::vector<std::pair<std::string, std::uint64_t>> fields(const ForestSummary& summary)
{
  std::vector<std::pair<std::string, std::uint64_t>> list = {
      {"processes", summary.processes},
      {"vmas", summary.vmas},
      {"vmas_with_anon_vma", summary.vmas_with_anon_vma},
      {"avcs", summary.avcs},
      {"anon_vmas", summary.anon_vmas},
      {"roots", summary.roots},
      {"longest_chain", summary.longest_chain},
      {"tree_depth", summary.tree_depth},
      {"widest_fan_out", summary.widest_fan_out},
      {"truncated_chains", summary.truncated_chains},
  };
  if (summary.reuse_candidates)
    list.emplace_back("reuse_candidates", *summary.reuse_candidates);
  return list;
}

Forest renumbered(Forest forest)
{
  const AnonVmaTrees trees = trees_of(forest);
  std::vector<AnonVmaId> new_id(forest.anon_vmas.size(), 0);
  std::vector<AnonVma> anon_vmas;
  const auto give = [&](AnonVmaId old) {
    if (new_id[old - 1] != 0)
      return;
    anon_vmas.push_back(forest.anon_vmas[old - 1]);
    new_id[old - 1] = static_cast<AnonVmaId>(anon_vmas.size());
  };
  for (const auto& process : forest.processes)
    for (const auto& vma : process.vmas) {
      std::vector<AnonVmaId> downwards = vma.chain;
      std::stable_sort(downwards.begin(), downwards.end(), [&](AnonVmaId a, AnonVmaId b) {
        return trees.depth[a - 1] < trees.depth[b - 1];
      });
      if (vma.anon_vma)
        downwards.push_back(*vma.anon_vma);
      for (const AnonVmaId id : downwards)
        give(id);
    }
  for (std::size_t i = 0; i < anon_vmas.size(); ++i)  // grows while it is walked
    for (const auto other : {anon_vmas[i].root, anon_vmas[i].parent})
      if (other)
        give(*other);

  const auto rename = [&](std::optional<AnonVmaId>& id) {
    if (id)
      id = new_id[*id - 1];
  };
  for (AnonVma& anon_vma : anon_vmas) {
    rename(anon_vma.root);
    rename(anon_vma.parent);
  }
  for (auto& process : forest.processes)
    for (auto& vma : process.vmas) {
      rename(vma.anon_vma);
      for (AnonVmaId& id : vma.chain)
        id = new_id[id - 1];
    }
  forest.anon_vmas = std::move(anon_vmas);
  return forest;
}

Forest in_range(Forest forest, AddressRange range)
{
  for (auto& process : forest.processes)
    std::erase_if(process.vmas, [&](const ForestVma& vma) {
      return vma.start < range.begin || vma.start >= range.end;
    });
  return renumbered(std::move(forest));
}

}  // namespace rmaplab
