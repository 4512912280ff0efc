// SPDX-License-Identifier: GPL-2.0-only
#include "replay/address_space.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

namespace rmaplab
{
namespace
{

// Ranges as BEGIN-END PROT@OFFSET in pages.
std::string shown(const AddressSpace& space)
{
  std::string text;
  for (const auto& [begin, range] : space.ranges())
    text += fmt::format("{}{:x}-{:x} {}@{}", text.empty() ? "" : ", ", begin >> 12, range.end >> 12,
                        range.prot, range.offset >> 12);
  return text;
}

TraceRow mapped(std::uint64_t page, std::uint64_t pages)
{
  return {.event = TraceEvent::mmap,
          .length = pages << 12,
          .flags = MAP_PRIVATE,
          .prot = 3,
          .file = 1,
          .offset = 0x100000,
          .result = static_cast<std::int64_t>(page << 12)};
}

AddressSpace with(std::uint64_t page, std::uint64_t pages)
{
  AddressSpace space(4096);
  space.apply(mapped(page, pages));
  return space;
}

TEST(AddressSpace, AMappingReplacesWhatWasThere)
{
  AddressSpace space = with(0x10, 8);
  TraceRow row = mapped(0x12, 2);
  row.prot = 1;
  row.offset = 0;
  space.apply(row);
  EXPECT_EQ(shown(space), "10-12 3@256, 12-14 1@0, 14-18 3@260");
}

TEST(AddressSpace, AFailedCallChangesNothing)
{
  AddressSpace space = with(0x10, 8);
  for (const auto event : {TraceEvent::munmap, TraceEvent::mprotect, TraceEvent::mmap})
    space.apply({.event = event, .address = 0x10000, .length = 0x8000, .result = -12});
  EXPECT_EQ(shown(space), "10-18 3@256");
}

TEST(AddressSpace, UnmappingTakesPartsOfRanges)
{
  AddressSpace space = with(0x10, 8);
  space.apply({.event = TraceEvent::munmap, .address = 0x12000, .length = 1});
  EXPECT_EQ(shown(space), "10-12 3@256, 13-18 3@259");
  space.apply({.event = TraceEvent::munmap, .address = 0x11000, .length = 0x4000});
  EXPECT_EQ(shown(space), "10-11 3@256, 15-18 3@261");
  space.apply({.event = TraceEvent::munmap, .address = 0, .length = 0x100000});
  EXPECT_EQ(shown(space), "");
}

TEST(AddressSpace, UnmappingNothingIsFine)
{
  AddressSpace space = with(0x10, 1);
  space.apply({.event = TraceEvent::munmap, .address = 0x100000, .length = 4096});
  EXPECT_EQ(shown(space), "10-11 3@256");
}

TEST(AddressSpace, ProtectingSplits)
{
  AddressSpace space = with(0x10, 8);
  space.apply({.event = TraceEvent::mprotect, .address = 0x12000, .length = 4096, .prot = 0});
  EXPECT_EQ(shown(space), "10-12 3@256, 12-13 0@258, 13-18 3@259");
}

TEST(AddressSpace, AMoveKeepsThePiecesAndGrowsTheLast)
{
  AddressSpace space = with(0x10, 4);
  space.apply({.event = TraceEvent::mprotect, .address = 0x11000, .length = 4096, .prot = 1});
  space.apply({.event = TraceEvent::mremap,
               .address = 0x10000,
               .length = 0x4000,
               .new_length = 0x6000,
               .flags = MREMAP_MAYMOVE,
               .result = 0x40000});
  EXPECT_EQ(shown(space), "40-41 3@256, 41-42 1@257, 42-46 3@258");
}

TEST(AddressSpace, RemappingInPlaceGrowsAndShrinks)
{
  AddressSpace space = with(0x10, 4);
  TraceRow row = {.event = TraceEvent::mremap,
                  .address = 0x10000,
                  .length = 0x4000,
                  .new_length = 0x6000,
                  .result = 0x10000};
  space.apply(row);
  EXPECT_EQ(shown(space), "10-16 3@256");
  row.length = 0x6000;
  row.new_length = 0x1000;
  space.apply(row);
  EXPECT_EQ(shown(space), "10-11 3@256");
}

TEST(AddressSpace, MoveWithDontunmapLeavesTheOldRange)
{
  AddressSpace space = with(0x10, 2);
  space.apply({.event = TraceEvent::mremap,
               .address = 0x10000,
               .length = 0x2000,
               .new_length = 0x2000,
               .flags = MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
               .result = 0x40000});
  EXPECT_EQ(shown(space), "10-12 3@256, 40-42 3@256");
}

TEST(AddressSpace, AnOldLengthOfZeroMapsTwice)
{
  AddressSpace space = with(0x10, 4);
  space.apply({.event = TraceEvent::mremap,
               .address = 0x11000,
               .new_length = 0x2000,
               .flags = MREMAP_MAYMOVE,
               .result = 0x40000});
  EXPECT_EQ(space.ranges().rbegin()->first, 0x40000u);
  EXPECT_EQ(space.ranges().rbegin()->second.end, 0x42000u);
  EXPECT_EQ(space.ranges().rbegin()->second.offset, 0x101000u);
  EXPECT_TRUE(space.touch(0x11000, TraceEvent::read));
}

TEST(AddressSpace, TheHeapIsWhatTheBreakAdds)
{
  AddressSpace space(4096);
  auto set = [&](std::int64_t to) { space.apply({.event = TraceEvent::brk, .result = to}); };
  set(0x10800);
  EXPECT_EQ(shown(space), "");
  set(0x13800);
  EXPECT_EQ(shown(space), "11-14 3@0");
  set(0x12001);
  EXPECT_EQ(shown(space), "11-13 3@0");
  set(0x10800);
  EXPECT_EQ(shown(space), "");
}

TEST(AddressSpace, AccessesFollowTheProtection)
{
  AddressSpace space = with(0x10, 3);
  space.apply({.event = TraceEvent::mprotect, .address = 0x11000, .length = 4096, .prot = 0});
  space.apply({.event = TraceEvent::mprotect, .address = 0x12000, .length = 4096, .prot = 5});
  EXPECT_TRUE(space.touch(0x10000, TraceEvent::write));
  EXPECT_FALSE(space.touch(0x10000, TraceEvent::fetch));
  EXPECT_FALSE(space.touch(0x11000, TraceEvent::read));
  EXPECT_FALSE(space.touch(0x12000, TraceEvent::write));
  EXPECT_TRUE(space.touch(0x12000, TraceEvent::fetch));
  EXPECT_FALSE(space.touch(0x13000, TraceEvent::read));
  EXPECT_FALSE(space.touch(0xf000, TraceEvent::read));
}

TEST(AddressSpace, AStackGrowsDownToItsLimit)
{
  AddressSpace space(4096);
  space.apply({.event = TraceEvent::vma,
               .address = 0x7ffff0000000,
               .length = 0x2000,
               .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN,
               .prot = 3});
  EXPECT_FALSE(space.touch(0x7fffe0000000, TraceEvent::write));
  EXPECT_TRUE(space.touch(0x7fffefff0000, TraceEvent::write));
  EXPECT_EQ(space.ranges().begin()->first, 0x7fffefff0000u);
  EXPECT_EQ(space.ranges().size(), 1u);
}

TEST(AddressSpace, AChildLacksWhatDontforkTookOut)
{
  AddressSpace space = with(0x10, 3);
  space.apply(
      {.event = TraceEvent::madvise, .address = 0x11000, .length = 4096, .flags = MADV_DONTFORK});
  EXPECT_EQ(shown(space.forked()), "10-11 3@256, 12-13 3@258");
  space.apply(
      {.event = TraceEvent::madvise, .address = 0x11000, .length = 4096, .flags = MADV_DOFORK});
  EXPECT_EQ(space.forked().ranges().size(), 3u);
}

TEST(AddressSpace, ParentAndChildChangeApart)
{
  AddressSpace parent(4096);
  parent.map(0x10000, {.end = 0x20000, .prot = PROT_READ});
  AddressSpace child = parent.forked();
  EXPECT_EQ(&child.ranges(), &parent.ranges());  // not copied before
  child.unmap(0x10000, 0x18000);
  EXPECT_EQ(child.ranges().begin()->first, 0x18000u);
  EXPECT_EQ(parent.ranges().begin()->first, 0x10000u);
  parent.unmap(0x10000, 0x20000);
  EXPECT_EQ(child.ranges().size(), 1u);
}

}  // namespace
}  // namespace rmaplab
