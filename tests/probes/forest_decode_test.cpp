// SPDX-License-Identifier: GPL-2.0-only
#include "probes/forest_decode.h"

#include <gtest/gtest.h>

#include "probes/forest_record.h"

namespace rmaplab
{
namespace
{

constexpr unsigned kAll = kForestHasNumChildren | kForestHasNumActiveVmas | kForestHasRefcount;

template <typename Record>
std::string bytes(const Record& record)
{
  return {reinterpret_cast<const char*>(&record), sizeof record};
}

std::string vma(std::uint64_t start, std::uint64_t anon_vma, std::uint64_t thread = 5)
{
  return bytes(ForestVmaRecord{.kind = kForestVma,
                               .mapping = kForestAnon,
                               .start = start,
                               .end = start + 4096,
                               .flags = 0x100073,
                               .pgoff = start >> 12,
                               .anon_vma = anon_vma,
                               .thread = thread});
}

std::string avc(std::uint64_t anon_vma, std::uint64_t root, std::uint64_t parent,
                unsigned has = kAll)
{
  return bytes(ForestAvcRecord{.kind = kForestAvc,
                               .has = has,
                               .anon_vma = anon_vma,
                               .root = root,
                               .parent = parent,
                               .num_children = 1,
                               .num_active_vmas = 2,
                               .refcount = 3});
}

constexpr std::uint64_t kRoot = 0xffff888000000100;
constexpr std::uint64_t kChild = 0xffff888000000200;

Forest decoded(const std::string& records)
{
  ForestDecoder decoder("k", 4096);
  const auto added = decoder.add({.pid = 5, .ppid = 1, .comm = "c"}, records);
  EXPECT_TRUE(added) << to_string(added.error());
  return std::move(decoder).finish();
}

TEST(ForestDecoder, ChainKeepsItsOrderAndAddressesBecomeNumbers)
{
  const Forest forest = decoded(vma(0x1000, kChild) + avc(kChild, kRoot, kRoot) +
                                avc(kRoot, kRoot, kRoot) + vma(0x3000, 0));
  EXPECT_EQ(
      forest,
      (Forest{
          .kernel = "k",
          .page_bytes = 4096,
          .processes = {{.pid = 5,
                         .ppid = 1,
                         .comm = "c",
                         .vmas = {{.start = 0x1000,
                                   .end = 0x2000,
                                   .perms = "rw-p",
                                   .pgoff = 1,
                                   .anon_vma = 2,
                                   .chain = {2, 1}},
                                  {.start = 0x3000, .end = 0x4000, .perms = "rw-p", .pgoff = 3}}}},
          .anon_vmas = {
              {.root = 1, .parent = 1, .num_children = 1, .num_active_vmas = 2, .refcount = 3},
              {.root = 1, .parent = 1, .num_children = 1, .num_active_vmas = 2, .refcount = 3}}}));
}

TEST(ForestDecoder, ProcessesShareTheirAnonVmas)
{
  ForestDecoder decoder("k", 4096);
  ASSERT_TRUE(decoder.add({.pid = 5}, vma(0x1000, kRoot) + avc(kRoot, kRoot, kRoot)));
  ASSERT_TRUE(decoder.add({.pid = 6}, vma(0x1000, kRoot) + avc(kRoot, kRoot, kRoot)));
  EXPECT_EQ(std::move(decoder).finish().anon_vmas.size(), 1u);
}

TEST(ForestDecoder, FigureTheKernelLacksIsAbsent)
{
  const Forest forest = decoded(vma(0x1000, kRoot) + avc(kRoot, kRoot, kRoot, kForestHasRefcount));
  EXPECT_EQ(forest.anon_vmas.at(0), (AnonVma{.root = 1, .parent = 1, .refcount = 3}));
}

TEST(ForestDecoder, AnonVmaThatIsOnlyNamedHasNoFigures)
{
  const Forest forest = decoded(vma(0x1000, kChild) + avc(kChild, kRoot, kRoot));
  ASSERT_EQ(forest.anon_vmas.size(), 2u);
  EXPECT_EQ(forest.anon_vmas[*forest.anon_vmas[0].root - 1], AnonVma{});
}

TEST(ForestDecoder, LongerChainIsMarkedTruncated)
{
  const Forest forest = decoded(vma(0x1000, kRoot) + avc(kRoot, kRoot, kRoot) +
                                bytes(ForestAvcRecord{.kind = kForestTruncated}));
  EXPECT_TRUE(forest.processes[0].vmas[0].truncated);
  EXPECT_EQ(forest.processes[0].vmas[0].chain.size(), 1u);
}

TEST(ForestDecoder, AnotherThreadsRepetitionIsLeftOut)
{
  const std::string once = avc(kRoot, kRoot, kRoot);
  const Forest forest = decoded(vma(0x1000, kRoot) + once + vma(0x1000, kRoot, 6) + once);
  EXPECT_EQ(forest.processes[0].vmas.size(), 1u);
  EXPECT_EQ(forest.processes[0].vmas[0].chain.size(), 1u);
}

std::string error_of(const std::string& records)
{
  const auto added = ForestDecoder("k", 4096).add({.pid = 5}, records);
  EXPECT_FALSE(added);
  return added ? "" : to_string(added.error());
}

TEST(ForestDecoder, DamagedRecordsAreRejected)
{
  const std::string good = vma(0x1000, kRoot);
  EXPECT_EQ(error_of(good.substr(0, good.size() - 1)), "forest records of process 5: cut off");
  EXPECT_EQ(error_of(good + "ab"), "forest records of process 5: cut off");
  EXPECT_EQ(error_of(bytes(9)), "forest records of process 5: kind 9");
  EXPECT_EQ(error_of(avc(kRoot, kRoot, kRoot)),
            "forest records of process 5: an AVC before any VMA");
  EXPECT_EQ(error_of(good + avc(0, 0, 0)),
            "forest records of process 5: VMA 1000: its chain changed under the reader");
}

}  // namespace
}  // namespace rmaplab
