// SPDX-License-Identifier: GPL-2.0-only
// The oracle itself: two ways of asking for VMAs that know nothing of each other agree.
#include <unistd.h>

#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/vma_oracle.h"
#include "workloads/pattern.h"

namespace rmaplab
{

namespace
{

void expect_agreement(std::string_view when, AddressRange range)
{
  const auto queried = must(query_vmas_of_self(range));
  const auto read = must(read_vmas("/proc", ::getpid(), range));
  expect_equal(fmt::format("VMAs of maps and PROCMAP_QUERY {}", when), read.size(), queried.size());
  for (std::size_t i = 0; i < read.size(); ++i) {
    expect_equal(fmt::format("begin of VMA {} {}", i, when), read[i].begin, queried[i].begin);
    expect_equal(fmt::format("end of VMA {} {}", i, when), read[i].end, queried[i].end);
  }
}

void maps_agree(const Bench& bench)
{
  const AddressRange arena = {.begin = kArenaBegin, .end = kArenaEnd};
  expect_agreement("of an empty arena", arena);
  constexpr std::size_t kPieces = 100;
  map(bench.at(0), 2 * kPieces);
  expect_agreement("of one VMA", arena);
  for (std::size_t i = 0; i < kPieces; ++i)
    protect(bench.at(2 * i), 1, PROT_READ);
  expect_agreement("of a split VMA", arena);
  for (std::size_t i = 0; i < kPieces; i += 3)
    unmap(bench.at(2 * i), 1);
  expect_agreement("of one with holes", arena);
  expect_agreement("of the process", {.begin = 0, .end = kArenaEnd * 1024});
}

}  // namespace

void add_oracle_checks(std::vector<Check>& checks)
{
  checks.push_back({.name = "oracle/maps_agree",
                    .summary = "/proc/self/maps and PROCMAP_QUERY show the same VMAs",
                    .source = "fs/proc/task_mmu.c, do_procmap_query(), Linux 6.11",
                    .run = maps_agree});
}

}  // namespace rmaplab
