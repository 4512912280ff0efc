// SPDX-License-Identifier: GPL-2.0-only
#include "probes/rmap_faults.h"

#include <fmt/format.h>

#include <algorithm>

namespace rmaplab
{

namespace
{

bool is_private(const ForestVma& vma)
{
  return vma.perms.size() == 4 && vma.perms[3] == 'p' && vma.mapping != Mapping::special;
}

std::string name_of(const ForestProcess& process, const ForestVma& vma)
{
  return fmt::format("VMA {:x}-{:x} of process {} ({})", vma.start, vma.end, process.pid,
                     process.comm);
}

std::optional<AnonVmaId> root_of(const Forest& forest, AnonVmaId id)
{
  return forest.anon_vmas[id - 1].root;
}

bool holds(const std::vector<AnonVmaId>& chain, AnonVmaId id)
{
  return std::ranges::find(chain, id) != chain.end();
}

// "" when the VMA is as it must be.
std::string fault_of_vma(const Forest& forest, const ForestVma& vma, std::uint64_t pages)
{
  if (!vma.anon_vma && pages > 0)
    return fmt::format(
        "has {} anonymous page{} and no anon_vma: no walk of the reverse mapping finds {}", pages,
        pages == 1 ? "" : "s", pages == 1 ? "it" : "them");
  if (!vma.anon_vma)
    return vma.chain.empty()
               ? ""
               : fmt::format("has a chain of {} AVCs and no anon_vma", vma.chain.size());
  if (!vma.truncated && !holds(vma.chain, *vma.anon_vma))
    return fmt::format("has the anon_vma {}, which is not in its chain of {} AVCs",
                       id_text(*vma.anon_vma), vma.chain.size());
  const auto root = root_of(forest, *vma.anon_vma);
  for (const AnonVmaId id : vma.chain)
    if (const auto other = root_of(forest, id); root && other && *other != *root)
      return fmt::format("has anon_vmas of two roots in its chain: {} of {}, {} of {}",
                         id_text(*vma.anon_vma), id_text(*root), id_text(id), id_text(*other));
  return "";
}

void judge_counts(const Forest& forest, std::vector<std::string>& faults)
{
  std::vector<std::uint64_t> users(forest.anon_vmas.size(), 0);
  for (const ForestProcess& process : forest.processes)
    for (const ForestVma& vma : process.vmas)
      if (vma.anon_vma)
        ++users[*vma.anon_vma - 1];
  for (std::size_t i = 0; i < users.size(); ++i)
    if (const auto counted = forest.anon_vmas[i].num_active_vmas; counted && users[i] > *counted)
      faults.push_back(fmt::format(
          "{} is the anon_vma of {} VMAs and counts {} (num_active_vmas): a fork may take it for "
          "unused",
          id_text(static_cast<AnonVmaId>(i + 1)), users[i], *counted));
}

// The VMA of `parent` that `vma` is a fork's copy of, as far as one can tell: the same place and
// offset, and anon_vmas of one tree. Null: there is none, or not any more.
const ForestVma* copied_from(const Forest& forest, const ForestProcess& parent,
                             const ForestVma& vma)
{
  const auto same = std::ranges::lower_bound(parent.vmas, vma.start, {}, &ForestVma::start);
  if (same == parent.vmas.end() || same->start != vma.start || same->end != vma.end ||
      same->pgoff != vma.pgoff || !same->anon_vma || !vma.anon_vma)
    return nullptr;
  const auto root = root_of(forest, *vma.anon_vma);
  return root && root == root_of(forest, *same->anon_vma) ? &*same : nullptr;
}

void judge_copies(const Forest& forest, const ForestProcess& parent, const ForestProcess& child,
                  std::vector<std::string>& faults)
{
  for (const ForestVma& vma : child.vmas) {
    const ForestVma* const source = copied_from(forest, parent, vma);
    if (!source || vma.truncated)
      continue;
    for (const AnonVmaId id : source->chain)
      if (!holds(vma.chain, id)) {
        faults.push_back(fmt::format(
            "{} was copied by a fork from process {} and is not linked to {}, as its source is",
            name_of(child, vma), parent.pid, id_text(id)));
        break;
      }
  }
}

}  // namespace

std::vector<std::pair<pid_t, AddressRange>> vmas_without_anon_vma(const Forest& forest)
{
  std::vector<std::pair<pid_t, AddressRange>> vmas;
  for (const ForestProcess& process : forest.processes)
    for (const ForestVma& vma : process.vmas)
      if (!vma.anon_vma && is_private(vma))
        vmas.push_back({process.pid, {.begin = vma.start, .end = vma.end}});
  return vmas;
}

std::vector<std::string> faults_of(const Forest& forest, const PagesOfVmas& pages)
{
  std::vector<std::string> faults;
  for (const ForestProcess& process : forest.processes)
    for (const ForestVma& vma : process.vmas) {
      const auto mapped = pages.find({process.pid, vma.start});
      const std::uint64_t count = mapped == pages.end() || !is_private(vma) ? 0 : mapped->second;
      if (const auto fault = fault_of_vma(forest, vma, count); !fault.empty())
        faults.push_back(name_of(process, vma) + " " + fault);
    }
  judge_counts(forest, faults);
  for (const ForestProcess& parent : forest.processes)
    for (const ForestProcess& child : forest.processes)
      if (child.ppid == parent.pid && child.pid != parent.pid)
        judge_copies(forest, parent, child, faults);
  return faults;
}

}  // namespace rmaplab
