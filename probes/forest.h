// SPDX-License-Identifier: GPL-2.0-only
// The anon_vma forest of some processes: every VMA with its anon_vma_chain, every anon_vma
// with its place in its tree. A model of plain data and what can be told of it; nothing
// here asks the kernel (probes/forest_reader.h does).
//
// anon_vmas have small numbers, printed A1, A2, ..., instead of kernel addresses: by order
// of first appearance (processes as given, VMAs by address, within one chain from the root
// down), so that two kernels' forests of one program give like to like the same number.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "probes/vma_count.h"

namespace rmaplab
{

using AnonVmaId = unsigned;  // 1 for A1: Forest::anon_vmas[0]

// struct anon_vma (include/linux/rmap.h). A figure that this kernel's struct does not have,
// or whose anon_vma is only named by another one, is absent, not 0.
struct AnonVma {
  std::optional<AnonVmaId> root;
  std::optional<AnonVmaId> parent;  // a root is its own parent
  std::optional<std::uint64_t> num_children;
  std::optional<std::uint64_t> num_active_vmas;
  std::optional<std::uint64_t> refcount;
  bool operator==(const AnonVma&) const = default;
};

enum class Mapping { anon, file, special };  // special: [vdso], [vvar]

struct ForestVma {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::string perms;  // as in /proc/PID/maps: "rw-p"
  std::uint64_t pgoff = 0;
  Mapping mapping = Mapping::anon;
  std::optional<AnonVmaId> anon_vma;
  std::vector<AnonVmaId> chain;  // one an AVC, in the order of vma->anon_vma_chain
  bool truncated = false;        // the list goes on
  bool operator==(const ForestVma&) const = default;
};

struct ForestProcess {
  pid_t pid = 0;
  pid_t ppid = 0;
  std::string comm;
  std::vector<ForestVma> vmas;  // by address
  bool operator==(const ForestProcess&) const = default;
};

struct Forest {
  std::string kernel;  // release
  std::uint64_t page_bytes = 0;
  std::vector<ForestProcess> processes;
  std::vector<AnonVma> anon_vmas;
  bool operator==(const Forest&) const = default;
};

std::string id_text(AnonVmaId id);  // "A1"

// maybe_reuse_anon_vma() of mm/rmap.c would take it for a forked child's VMA. Absent where
// the kernel does not have the figures.
std::optional<bool> is_reuse_candidate(const Forest& forest, AnonVmaId id);

// The parent links turned round. An anon_vma whose parent is not known is a root.
struct AnonVmaTrees {
  std::vector<AnonVmaId> roots;
  std::vector<std::vector<AnonVmaId>> children;  // [id - 1]
  std::vector<std::uint64_t> depth;              // [id - 1]; a root has 1; 0: parents in a circle
};
AnonVmaTrees trees_of(const Forest& forest);

struct ForestSummary {
  std::uint64_t processes = 0;
  std::uint64_t vmas = 0;
  std::uint64_t vmas_with_anon_vma = 0;
  std::uint64_t avcs = 0;
  std::uint64_t anon_vmas = 0;  // distinct
  std::uint64_t roots = 0;
  std::uint64_t longest_chain = 0;
  std::uint64_t tree_depth = 0;        // a lone root: 1
  std::uint64_t widest_fan_out = 0;    // most children of one anon_vma, of those seen here
  std::uint64_t truncated_chains = 0;  // not 0: avcs and longest_chain are too small
  std::optional<std::uint64_t> reuse_candidates;  // absent where the kernel lacks the figures
  bool operator==(const ForestSummary&) const = default;
};
ForestSummary summarise(const Forest& forest);
// Names and values in the order above; an absent one is left out.
std::vector<std::pair<std::string, std::uint64_t>> fields(const ForestSummary& summary);

// Only the VMAs that begin in the range; anon_vmas are numbered anew.
Forest in_range(Forest forest, AddressRange range);
// Numbers by first appearance; anon_vmas that nothing names are left out.
Forest renumbered(Forest forest);

// For a person: the trees, then each process. Like neighbours are folded.
std::string to_text(const Forest& forest);
// Graphviz: VMAs that have an anon_vma, an edge an AVC with its place in the list.
std::string to_dot(const Forest& forest);
// One line a VMA and an anon_vma. `name` is the file's, for errors: Errc::parse.
std::string to_json(const Forest& forest);
Result<Forest> parse_forest(const std::string& name, std::string_view text);
// What differs, the first forest's value before the second's: counts; then, process by
// process and among the VMAs that have an anon_vma one by one, each chain's length and
// order and the figures of the VMA's own anon_vma.
std::string diff(const Forest& a, const Forest& b);

}  // namespace rmaplab
