// SPDX-License-Identifier: GPL-2.0-only
#include "probes/vma_list.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace rmaplab
{
namespace
{

constexpr const char* kSmaps =
    "7f0000000000-7f0000001000 rw-p 00000000 00:00 0                          [anon:heap one]\n"
    "Size:                  4 kB\n"
    "ProtectionKey:         3\n"
    "VmFlags: rd wr mr mw me ac dc zz \n"
    "7f0000001000-7f0000002000 rw-s 00003000 00:05 77                         /memfd:x (deleted)\n"
    "VmFlags: rd wr sh mr mw me ms \n"
    "7f0000002000-7f0000003000 rw-s 00004000 00:05 77                         /memfd:x (deleted)\n"
    "VmFlags: rd wr sh mr mw me ms \n"
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
    "Size:                  4 kB\n";

TEST(VmaList, SmapsHasFlagsFileOffsetNameAndKey)
{
  const auto list = parse_smaps(kSmaps, 4096);
  ASSERT_TRUE(list) << to_string(list.error());
  ASSERT_EQ(list->vmas.size(), 3u);  // without the gate VMA
  EXPECT_EQ(list->unknown_flags, 1u);
  const VmaLook& heap = list->vmas[0];
  EXPECT_EQ(heap.prot, static_cast<std::uint32_t>(PROT_READ | PROT_WRITE));
  EXPECT_TRUE(heap.flags & bit(VmaFlag::dont_fork));
  EXPECT_EQ(heap.key, 3u);
  EXPECT_NE(heap.name, 0u);
  EXPECT_FALSE(heap.anon_vma_known);
  EXPECT_EQ(list->vmas[1].file, list->vmas[2].file);
  EXPECT_EQ(list->vmas[2].page_offset, 4u);
  EXPECT_EQ(what_keeps_apart(list->vmas[1], list->vmas[2], 4096).rules, 0u);
}

TEST(VmaList, WhatIsNoSmapsIsNamedByItsLine)
{
  const auto bad =
      parse_smaps("7f00-8000 rw-p 00000000 00:00 0\nVmFlags: rd\nnonsense here\n", 4096);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Errc::parse);
  EXPECT_EQ(bad.error().context, "smaps:3: expected a mapping");
}

TEST(VmaList, SmapsWithoutVmFlagsIsUnsupported)
{
  const auto old = parse_smaps("7f00-8000 rw-p 00000000 00:00 0\nSize: 4 kB\n", 4096);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, Errc::unsupported);
}

TEST(VmaList, APolicyIsTheVmasOwn)
{
  auto list = parse_smaps(kSmaps, 4096);
  ASSERT_TRUE(list);
  add_policies(*list, "7f0000000000 default anon=1\n7f0000001000 bind:0 file=/memfd:x\n");
  EXPECT_TRUE(list->policies_known);
  EXPECT_EQ(list->vmas[0].policy, 0u);
  EXPECT_NE(list->vmas[1].policy, 0u);
}

TEST(VmaList, TheForestSaysWhichAnonVma)
{
  auto list = parse_smaps(kSmaps, 4096);
  ASSERT_TRUE(list);
  ForestProcess process;
  process.vmas.push_back({.start = 0x7f0000000000,
                          .end = 0x7f0000001000,
                          .perms = "rw-p",
                          .pgoff = 9,
                          .anon_vma = 2,
                          .chain = {1, 2}});
  add_anon_vmas(*list, process);
  EXPECT_TRUE(list->vmas[0].anon_vma_known);
  EXPECT_EQ(list->vmas[0].anon_vma, 2u);
  EXPECT_TRUE(list->vmas[0].inherited);
  EXPECT_EQ(list->vmas[0].page_offset, 9u);
}

}  // namespace
}  // namespace rmaplab
