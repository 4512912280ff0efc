// SPDX-License-Identifier: GPL-2.0-only
// thp_split: huge pages are split back into small ones.
//
// Sharing: none; N blocks (2 MiB with 4 KiB pages), each a VMA with an anon_vma of its own,
// made huge by MADV_COLLAPSE. mapped=pmd: as a whole, one entry. mapped=pte: the last page
// is unmapped, so that the rest is mapped by 511 entries and the split is what reclaim does
// to a partly mapped huge page.
// Kernel: __folio_split() (split_huge_page_to_list_to_order() before), root write-locked
// around a walk that unmaps all pages of the block to migration entries and one a page that
// maps them again, remove_migration_ptes(): 512 walks under the write lock. Needs no
// privilege. None of the two series changes it. Figures are per block.
// The split is asked for with MADV_COLD of one page: it splits as MADV_PAGEOUT does, in
// the same function, and leaves out the reclaim that would follow.
// Not measured: touching, MADV_COLLAPSE (walk_collapse), the munmap that splits the PMD.
#include <fmt/format.h>
#include <sys/mman.h>

#include "base/files.h"
#include "base/text.h"
#include "workloads/huge_pages.h"
#include "workloads/rows.h"

namespace rmaplab
{

namespace
{

enum Mapped : std::int64_t { pmd, pte };

std::size_t block_pages()
{
  return pmd_size() / page_size();
}

char* block_of(const Arena& arena, std::size_t i)
{
  return arena.block(2 * i + 1);
}

// Of all processes; they may only add to it.
Result<std::uint64_t> splits_so_far()
{
  const auto text = read_file("/proc/vmstat");
  if (text)
    for (const auto line : lines_of(*text))
      if (const auto words = split_blanks(line); words.size() == 2 && words[0] == "thp_split_page")
        return parse_u64(words[1]).value_or(0);
  return Error{.code = Errc::unsupported, .context = "no thp_split_page in /proc/vmstat"};
}

Result<> build(const Arena& arena, std::size_t blocks, Mapped mapped)
{
  for (std::size_t i = 0; i < blocks; ++i) {
    if (auto done = arena.map(block_of(arena, i), block_pages()); !done)
      return done;
    touch(block_of(arena, i), block_pages());
  }
  const auto allowed = HugePagesAllowed::create();
  if (!allowed)
    return allowed.error();
  for (std::size_t i = 0; i < blocks; ++i)
    if (collapse(block_of(arena, i)) < 0)
      return collapse_error();
  const auto huge = huge_bytes();
  if (!huge)
    return huge.error();
  if (*huge < blocks * pmd_size())
    return Error{.code = Errc::mismatch,
                 .context = "MADV_COLLAPSE succeeds and leaves no huge page"};
  for (std::size_t i = 0; i < blocks && mapped == pte; ++i)
    if (::munmap(block_of(arena, i) + pmd_size() - page_size(), page_size()) < 0)
      return os_error("munmap the last page of a block");
  return ok();
}

Result<> iterate(const Arena& arena, benchmark::State& state, Meter& meter)
{
  const std::size_t blocks = range_of(state, 0);
  const Mapped mapped{state.range(1)};
  if (auto built = build(arena, blocks, mapped); !built)
    return built;
  const auto before = splits_so_far();
  if (!before)
    return before.error();
  int status = 0;
  meter.start();
  for (std::size_t i = 0; i < blocks; ++i)
    status |= ::madvise(block_of(arena, i), page_size(), MADV_COLD);
  meter.stop(state);
  if (status != 0)
    return os_error("madvise(MADV_COLD)");
  const auto after = splits_so_far();
  if (!after)
    return after.error();
  if (*after < *before + blocks)
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("MADV_COLD has split {} huge pages of {}", *after - *before,
                                        blocks)};
  const pid_t self[] = {::getpid()};
  meter.observe(self);
  for (std::size_t i = 0; i < blocks; ++i)
    if (auto intact = check_pages(block_of(arena, i), block_pages() - (mapped == pte)); !intact)
      return intact;
  arena.clear();
  return ok();
}

void run(benchmark::State& state, Meter& meter)
{
  auto arena = Arena::create();
  if (!arena)
    return meter.fail(state, arena.error());
  for ([[maybe_unused]] auto _ : state)
    if (auto done = iterate(*arena, state, meter); !done)
      return meter.fail(state, done.error());
}

}  // namespace

const Workload thp_split{
    .name = "thp_split",
    .summary = "N huge pages, mapped whole or in part, are split into small ones",
    .kernel_path = "__folio_split, unmap_folio, remove_migration_ptes under the root's write lock",
    .patches = "control",
    .item = "huge page split",
    .arguments = {{.name = "blocks"}, {.name = "mapped", .labels = {"pmd", "pte"}}},
    .quick = {{1, pmd}, {10, pmd}, {1, pte}, {10, pte}},
    .full = {{1, pmd}, {10, pmd}, {30, pmd}, {1, pte}, {10, pte}, {30, pte}},
    .items = [](const Values& v) { return v[0]; },
    .weight = [](const Values& v) -> std::int64_t {
      return v[0] * static_cast<std::int64_t>(block_pages());
    },
    .memory_pages = [](const Values& v) -> std::int64_t {
      return kProcessPages + (v[0] + 1) * (static_cast<std::int64_t>(block_pages()) + 1);
    },
    .run = run,
};

}  // namespace rmaplab
