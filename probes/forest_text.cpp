// SPDX-License-Identifier: GPL-2.0-only
// The forest for people: text, Graphviz, and the difference of two.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "probes/forest.h"

namespace rmaplab
{

namespace
{

using Figures = std::vector<std::pair<const char*, std::optional<std::uint64_t>>>;

Figures figures_of(const AnonVma& anon_vma)
{
  return {{"num_children", anon_vma.num_children},
          {"num_active_vmas", anon_vma.num_active_vmas},
          {"refcount", anon_vma.refcount}};
}

std::string figures_text(const AnonVma& anon_vma)
{
  std::vector<std::string> known;
  for (const auto& [name, value] : figures_of(anon_vma))
    if (value)
      known.push_back(fmt::format("{} {}", name, *value));
  return fmt::format("{}", fmt::join(known, ", "));
}

std::string range_text(const ForestVma& vma)
{
  return fmt::format("{:x}-{:x}", vma.start, vma.end);
}

// What one anon_vma of a chain is to the VMA: "own", "parent" (of its own), "root";
// in longer lines of descent "ancestor 2" is the parent's parent.
std::string role(const Forest& forest, const ForestVma& vma, AnonVmaId id)
{
  if (!vma.anon_vma)
    return "stray";
  const bool root = forest.anon_vmas[id - 1].root == id;
  AnonVmaId up = *vma.anon_vma;
  for (std::size_t generations = 0; generations <= forest.anon_vmas.size(); ++generations) {
    if (up == id) {
      if (generations > 1)
        return root ? "root" : fmt::format("ancestor {}", generations);
      return fmt::format("{}{}", generations == 0 ? "own" : "parent", root ? "+root" : "");
    }
    const auto parent = forest.anon_vmas[up - 1].parent;
    if (!parent || *parent == up)
      break;
    up = *parent;
  }
  return root ? "other root" : "other";
}

std::string chain_roles(const Forest& forest, const ForestVma& vma)
{
  std::vector<std::string> roles;
  for (const AnonVmaId id : vma.chain)
    roles.push_back(role(forest, vma, id));
  return fmt::format("{}{}", fmt::join(roles, ", "), vma.truncated ? ", ... cut off" : "");
}

std::string chain_text(const Forest& forest, const ForestVma& vma)
{
  std::vector<std::string> links;
  for (const AnonVmaId id : vma.chain)
    links.push_back(fmt::format("{} {}", id_text(id), role(forest, vma, id)));
  return fmt::format("{}{}", fmt::join(links, ", "), vma.truncated ? ", ... cut off" : "");
}

const char* mapping_text(Mapping mapping)
{
  switch (mapping) {
    case Mapping::anon:
      return "anon";
    case Mapping::file:
      return "file";
    case Mapping::special:
      return "special";
  }
  return "?";
}

bool in_forest(const ForestVma& vma)
{
  return vma.anon_vma || !vma.chain.empty();
}

std::vector<const ForestVma*> vmas_in_forest(const ForestProcess& process)
{
  std::vector<const ForestVma*> vmas;
  for (const auto& vma : process.vmas)
    if (in_forest(vma))
      vmas.push_back(&vma);
  return vmas;
}

// [first, last] of each run of equal texts.
std::vector<std::pair<std::size_t, std::size_t>> runs(const std::vector<std::string>& texts)
{
  std::vector<std::pair<std::size_t, std::size_t>> found;
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (!found.empty() && texts[found.back().first] == texts[i])
      found.back().second = i;
    else
      found.emplace_back(i, i);
  return found;
}

constexpr std::size_t kFoldFrom = 3;  // two alike are shorter shown than told of

class TreeText
{
 public:
  explicit TreeText(const Forest& forest)
      : forest_(forest), trees_(trees_of(forest)), owners_(forest.anon_vmas.size())
  {
    for (std::size_t p = 0; p < forest.processes.size(); ++p)
      for (const auto& vma : forest.processes[p].vmas)
        if (vma.anon_vma)
          ++owners_[*vma.anon_vma - 1][p];
  }

  std::string all() const { return siblings(trees_.roots, 0); }

 private:
  // Without its number: what trees must have in common to be folded.
  std::string describe(AnonVmaId id) const
  {
    std::string text = figures_text(forest_.anon_vmas[id - 1]);
    if (owners_[id - 1].empty())
      text += "; of no VMA";
    for (const auto& [p, count] : owners_[id - 1]) {
      const ForestProcess& process = forest_.processes[p];
      text += fmt::format("; {} of {} {}", count == 1 ? "a VMA" : fmt::format("{} VMAs", count),
                          process.pid, process.comm);
    }
    return text + (is_reuse_candidate(forest_, id).value_or(false) ? "; REUSE CANDIDATE" : "");
  }

  std::string shape(AnonVmaId id) const
  {
    std::string text = describe(id) + "(";
    for (const AnonVmaId child : trees_.children[id - 1])
      text += shape(child);
    return text + ")";
  }

  std::string siblings(const std::vector<AnonVmaId>& ids, std::size_t indent) const
  {
    std::vector<std::string> shapes;
    shapes.reserve(ids.size());
    for (const AnonVmaId id : ids)
      shapes.push_back(shape(id));
    std::string text;
    for (const auto& [first, last] : runs(shapes)) {
      const std::size_t shown = last - first + 1 < kFoldFrom ? last : first;
      for (std::size_t i = first; i <= shown; ++i) {
        text += fmt::format("{:{}}{}  {}\n", "", indent, id_text(ids[i]), describe(ids[i]));
        text += siblings(trees_.children[ids[i] - 1], indent + 2);
      }
      if (shown < last)
        text += fmt::format("{:{}}... {} more like {}, the last is {}\n", "", indent, last - first,
                            id_text(ids[first]), id_text(ids[last]));
    }
    return text;
  }

  const Forest& forest_;
  AnonVmaTrees trees_;
  std::vector<std::map<std::size_t, std::uint64_t>> owners_;  // [id - 1]: process -> VMAs
};

std::string process_text(const Forest& forest, const ForestProcess& process)
{
  const auto vmas = vmas_in_forest(process);
  std::string text = fmt::format("process {} ({}): {} VMAs, {} in the forest\n", process.pid,
                                 process.comm, process.vmas.size(), vmas.size());
  std::vector<std::string> alike;  // but for address and numbers
  alike.reserve(vmas.size());
  for (const ForestVma* vma : vmas)
    alike.push_back(fmt::format("{} {} {} {}", vma->end - vma->start, vma->perms,
                                mapping_text(vma->mapping), chain_roles(forest, *vma)));
  for (const auto& [first, last] : runs(alike)) {
    const std::size_t shown = last - first + 1 < kFoldFrom ? last : first;
    for (std::size_t i = first; i <= shown; ++i)
      text += fmt::format("  {} {} {}, {} AVC{}: {}\n", range_text(*vmas[i]), vmas[i]->perms,
                          mapping_text(vmas[i]->mapping), vmas[i]->chain.size(),
                          vmas[i]->chain.size() == 1 ? "" : "s", chain_text(forest, *vmas[i]));
    if (shown < last)
      text += fmt::format("  ... {} more like it, the last is {}: {}\n", last - first,
                          range_text(*vmas[last]), chain_text(forest, *vmas[last]));
  }
  return text;
}

std::string dot_quote(std::string_view text)
{
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

// "NAME A | B" where the two differ.
template <typename Value>
void compare(std::vector<std::string>& differences, const std::string& name, const Value& a,
             const Value& b)
{
  if (a != b)
    differences.push_back(fmt::format("{} {} | {}", name, a, b));
}

std::string or_absent(std::optional<std::uint64_t> value)
{
  return value ? std::to_string(*value) : "absent";
}

struct Side {
  const Forest& forest;
  AnonVmaTrees trees;
};

std::string vma_diff(const Side& a, const ForestVma& va, const Side& b, const ForestVma& vb)
{
  std::vector<std::string> differences;
  compare(differences, "pages", (va.end - va.start) / a.forest.page_bytes,
          (vb.end - vb.start) / b.forest.page_bytes);
  compare(differences, "permissions", va.perms, vb.perms);
  compare(differences, "mapping", std::string(mapping_text(va.mapping)),
          std::string(mapping_text(vb.mapping)));
  compare(differences, "chain length", va.chain.size(), vb.chain.size());
  compare(differences, "chain order", chain_roles(a.forest, va), chain_roles(b.forest, vb));
  if (va.anon_vma.has_value() != vb.anon_vma.has_value()) {
    compare(differences, "anon_vma", std::string(va.anon_vma ? "yes" : "none"),
            std::string(vb.anon_vma ? "yes" : "none"));
  } else if (va.anon_vma) {
    compare(differences, "depth of its anon_vma", a.trees.depth[*va.anon_vma - 1],
            b.trees.depth[*vb.anon_vma - 1]);
    const Figures fa = figures_of(a.forest.anon_vmas[*va.anon_vma - 1]);
    const Figures fb = figures_of(b.forest.anon_vmas[*vb.anon_vma - 1]);
    for (std::size_t i = 0; i < fa.size(); ++i)
      compare(differences, fa[i].first, or_absent(fa[i].second), or_absent(fb[i].second));
  }
  return fmt::format("{}", fmt::join(differences, "; "));
}

std::string process_diff(const Side& a, const ForestProcess& pa, const Side& b,
                         const ForestProcess& pb)
{
  const auto va = vmas_in_forest(pa);
  const auto vb = vmas_in_forest(pb);
  std::string text;
  if (va.size() != vb.size())
    text += fmt::format("  VMAs in the forest {} | {}: the rest is compared by order\n", va.size(),
                        vb.size());
  std::vector<std::string> differences;
  for (std::size_t i = 0; i < std::min(va.size(), vb.size()); ++i)
    differences.push_back(vma_diff(a, *va[i], b, *vb[i]));
  for (const auto& [first, last] : runs(differences)) {
    const std::string which = first == last
                                  ? fmt::format("VMA {} ({:x})", first + 1, va[first]->start)
                                  : fmt::format("VMAs {}-{} ({:x} to {:x})", first + 1, last + 1,
                                                va[first]->start, va[last]->start);
    text +=
        fmt::format("  {}: {}\n", which, differences[first].empty() ? "same" : differences[first]);
  }
  return text;
}

}  // namespace

std::string to_text(const Forest& forest)
{
  std::string text = fmt::format("kernel {}, {}-byte pages\n", forest.kernel, forest.page_bytes);
  std::vector<std::string> counts;
  for (const auto& [name, value] : fields(summarise(forest)))
    counts.push_back(fmt::format("{} {}", name, value));
  text += fmt::format("{}\n\nanon_vma trees\n{}", fmt::join(counts, ", "), TreeText(forest).all());
  for (const auto& process : forest.processes)
    text += fmt::format("\n{}", process_text(forest, process));
  return text;
}

std::string to_dot(const Forest& forest)
{
  std::string text = "digraph forest {\n  rankdir=LR;\n";
  std::string edges;
  for (std::size_t p = 0; p < forest.processes.size(); ++p) {
    const ForestProcess& process = forest.processes[p];
    text += fmt::format("  subgraph cluster_{} {{\n    label={};\n    node [shape=box];\n", p,
                        dot_quote(fmt::format("{} {}", process.pid, process.comm)));
    for (const ForestVma* vma : vmas_in_forest(process)) {
      const std::string node = fmt::format("\"{}:{:x}\"", p, vma->start);
      text += fmt::format("    {} [label=\"{} {}\"];\n", node, range_text(*vma), vma->perms);
      for (std::size_t i = 0; i < vma->chain.size(); ++i)
        edges += fmt::format("  {} -> {} [label=\"{} {}\"];\n", node, id_text(vma->chain[i]), i + 1,
                             role(forest, *vma, vma->chain[i]));
    }
    text += "  }\n";
  }
  for (AnonVmaId id = 1; id <= forest.anon_vmas.size(); ++id) {
    const AnonVma& anon_vma = forest.anon_vmas[id - 1];
    text += fmt::format("  {0} [label=\"{0}\\n{1}\"{2}];\n", id_text(id), figures_text(anon_vma),
                        is_reuse_candidate(forest, id).value_or(false) ? ", style=dashed" : "");
    if (anon_vma.parent && *anon_vma.parent != id)
      edges += fmt::format("  {} -> {} [label=\"parent\", style=bold];\n", id_text(id),
                           id_text(*anon_vma.parent));
  }
  return text + edges + "}\n";
}

std::string diff(const Forest& a, const Forest& b)
{
  const Side left{a, trees_of(a)};
  const Side right{b, trees_of(b)};
  std::string text = fmt::format("{} | {}\n", a.kernel, b.kernel);
  std::vector<std::string> differences;
  std::vector<std::string> same;
  compare(differences, "page_bytes", a.page_bytes, b.page_bytes);
  // The last field may be absent on one side, or on both.
  std::map<std::string, std::uint64_t> of_b;
  for (const auto& [name, value] : fields(summarise(b)))
    of_b[name] = value;
  for (const auto& [name, value] : fields(summarise(a))) {
    const auto found = of_b.find(name);
    const auto other = found == of_b.end() ? std::nullopt : std::optional(found->second);
    if (other == value)
      same.push_back(fmt::format("{} {}", name, value));
    compare(differences, name, or_absent(value), or_absent(other));
    of_b.erase(name);
  }
  for (const auto& [name, value] : of_b)
    compare(differences, name, or_absent(std::nullopt), or_absent(value));
  if (!same.empty())
    text += fmt::format("same: {}\n", fmt::join(same, ", "));
  if (!differences.empty())
    text += fmt::format("{}\n", fmt::join(differences, "\n"));
  for (std::size_t i = 0; i < std::min(a.processes.size(), b.processes.size()); ++i)
    text += fmt::format("process {} ({} | {})\n{}", i + 1, a.processes[i].comm, b.processes[i].comm,
                        process_diff(left, a.processes[i], right, b.processes[i]));
  return text;
}

}  // namespace rmaplab
