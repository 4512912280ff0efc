// SPDX-License-Identifier: GPL-2.0-only
// The oracle itself: two ways of asking for VMAs that know nothing of each other agree.
#include <unistd.h>

#include "conformance/calls.h"
#include "conformance/families.h"
#include "conformance/looks.h"
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

// That a VMA without an anon_vma would be seen: whoever looks is told so of one that has pages.
void wrong_claim(const Bench& b)
{
  map(b.at(0), 4);
  touch(b.at(1), 2);
  const auto right = must(ask_for_a_look(nullptr));
  if (!right.not_looked.empty())
    skip(right.not_looked);
  expect_equal("faults", std::size_t{0}, right.faults.size());
  const auto claimed = must(ask_for_a_look(b.at(0)));
  if (claimed.faults.empty() && !right.anon_vmas)
    skip("no anon_vmas are read here; of the walks reach/* tell");
  expect_equal("faults, with a wrong claim", std::size_t{1}, claimed.faults.size());
  if (claimed.faults[0].find("has 2 anonymous pages and no anon_vma") == std::string::npos)
    not_ok("another fault: " + claimed.faults[0]);
}

}  // namespace

void add_oracle_checks(std::vector<Check>& checks)
{
  checks.push_back({.name = "oracle/maps_agree",
                    .summary = "/proc/self/maps and PROCMAP_QUERY show the same VMAs",
                    .source = "fs/proc/task_mmu.c, do_procmap_query(), Linux 6.11",
                    .run = maps_agree});
  checks.push_back({.name = "oracle/reverse_mapping",
                    .summary = "a VMA of which it is claimed that it has no anon_vma is seen",
                    .source = "conformance/looks.h",
                    .run = wrong_claim});
}

}  // namespace rmaplab
