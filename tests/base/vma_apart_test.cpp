// SPDX-License-Identifier: GPL-2.0-only
#include "base/vma_apart.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <functional>

#include "base/text.h"

namespace rmaplab
{
namespace
{

constexpr std::uint64_t kPage = 4096;

// Two pages of one VMA, as two.
std::vector<VmaLook> two_alike()
{
  VmaLook low;
  low.begin = 0x10000;
  low.end = 0x11000;
  low.prot = PROT_READ | PROT_WRITE;
  low.page_offset = 0x10;
  VmaLook high = low;
  high.begin = 0x11000;
  high.end = 0x12000;
  high.page_offset = 0x11;
  return {low, high};
}

Apart apart_after(const std::function<void(VmaLook& low, VmaLook& high)>& change)
{
  auto two = two_alike();
  change(two[0], two[1]);
  return what_keeps_apart(two[0], two[1], kPage);
}

TEST(VmaApart, EachRuleAloneIsNamed)
{
  struct Case {
    ApartRule rule;
    const char* text;
    std::function<void(VmaLook&, VmaLook&)> change;
  };
  const Case cases[] = {
      {ApartRule::special, "special",
       [](VmaLook&, VmaLook& high) { high.flags = bit(VmaFlag::dont_expand); }},
      {ApartRule::protection, "protection (rw-, ---)",
       [](VmaLook&, VmaLook& high) { high.prot = PROT_NONE; }},
      {ApartRule::flags, "flags (dontfork)",
       [](VmaLook& low, VmaLook&) { low.flags = bit(VmaFlag::dont_fork); }},
      {ApartRule::file, "file", [](VmaLook& low, VmaLook& high) { low.file = 1, high.file = 2; }},
      {ApartRule::offset, "offset", [](VmaLook&, VmaLook& high) { high.page_offset = 7; }},
      {ApartRule::anon_vma, "anon_vma",
       [](VmaLook& low, VmaLook& high) { low.anon_vma = 1, high.anon_vma = 2; }},
      {ApartRule::name, "name", [](VmaLook& low, VmaLook&) { low.name = 1; }},
      {ApartRule::policy, "policy", [](VmaLook& low, VmaLook&) { low.policy = 1; }},
      {ApartRule::key, "key", [](VmaLook& low, VmaLook&) { low.key = 1; }},
  };
  for (const Case& one : cases) {
    const Apart why = apart_after(one.change);
    EXPECT_EQ(why.rules, bit(one.rule)) << one.text;
    EXPECT_EQ(apart_text(why), one.text);
    EXPECT_LE(remedy_text(why).size(), 59u) << one.text;
  }
}

TEST(VmaApart, NothingKeepsApartWhatIsAlike)
{
  EXPECT_EQ(apart_after([](VmaLook&, VmaLook&) {}).rules, 0u);
  // VM_SOFTDIRTY and what guards leave are no rule.
  EXPECT_EQ(apart_after([](VmaLook& low, VmaLook& high) {
              low.flags = bit(VmaFlag::soft_dirty);
              high.flags = bit(VmaFlag::guarded);
            }).rules,
            0u);
  // One was never written: it takes the other's anon_vma.
  EXPECT_EQ(apart_after([](VmaLook& low, VmaLook&) { low.anon_vma = 1; }).rules, 0u);
}

TEST(VmaApart, InheritedMemoryTakesNothingIn)
{
  const Apart why = apart_after([](VmaLook& low, VmaLook&) {
    low.anon_vma = 1;
    low.inherited = true;
  });
  EXPECT_EQ(why.rules, bit(ApartRule::anon_vma));
  EXPECT_EQ(apart_text(why), "anon_vma (of a fork's child)");
}

TEST(VmaApart, AnUnknownAnonVmaIsSaidNotGuessed)
{
  const Apart why = apart_after([](VmaLook& low, VmaLook&) { low.anon_vma_known = false; });
  EXPECT_EQ(why.rules, 0u);
  EXPECT_EQ(apart_text(why), "anon_vma, which is not known");
}

TEST(VmaApart, AccountingThatFollowsTheProtectionIsNoRuleOfItsOwn)
{
  const Apart why = apart_after([](VmaLook& low, VmaLook& high) {
    low.flags = bit(VmaFlag::account);
    high.prot = PROT_NONE;
  });
  EXPECT_EQ(why.rules, bit(ApartRule::protection));
  EXPECT_EQ(apart_after([](VmaLook& low, VmaLook&) { low.flags = bit(VmaFlag::account); }).flags,
            bit(VmaFlag::account));
}

TEST(VmaApart, OffsetsThatFallAreSeen)
{
  const Apart why = apart_after([](VmaLook& low, VmaLook& high) {
    low.file = high.file = 1;
    low.page_offset = 1;
    high.page_offset = 0;
  });
  EXPECT_EQ(apart_text(why), "offset (falls as addresses rise)");
  EXPECT_EQ(remedy_text(why), "handing out addresses the same way as offsets");
}

TEST(VmaApart, APairIsCountedOnceAndAGapIsNone)
{
  auto vmas = two_alike();
  vmas[1].prot = PROT_NONE;
  VmaLook far = vmas[0];
  far.begin = 0x20000;
  far.end = 0x21000;
  vmas.push_back(far);
  const ApartSummary summary = summarize_apart(vmas, kPage);
  EXPECT_EQ(summary.vmas, 3u);
  EXPECT_EQ(summary.touching, 1u);
  EXPECT_EQ(summary.with_gap, 1u);
  ASSERT_EQ(summary.groups.size(), 1u);
  EXPECT_EQ(summary.groups[0].pairs, 1u);
}

TEST(VmaApart, EveryFlagHasACodeOfItsOwn)
{
  EXPECT_EQ(vma_flag("dc"), VmaFlag::dont_fork);
  EXPECT_EQ(vma_flag("sl"), VmaFlag::sealed);
  EXPECT_FALSE(vma_flag("zz"));
  EXPECT_EQ(flags_text(bit(VmaFlag::locked) | bit(VmaFlag::dont_fork)), "locked, dontfork");
}

TEST(VmaApart, TablesKeepTheirWidthAndTellWhatTheyLeaveOut)
{
  std::vector<VmaClass> classes;
  for (std::uint64_t i = 1; i <= 9; ++i)
    classes.push_back({.name = std::string(80, 'x'), .made = 1'000'000 * i, .left = i});
  const std::string text = class_table(classes, true, 2);
  EXPECT_NE(text.find("     28  7 other classes\n"), std::string::npos) << text;
  for (const auto line : lines_of(text))
    EXPECT_LE(line.size(), 78u);
  ApartSummary none;
  none.vmas = 9;
  EXPECT_LE(why_answer(classes, none).size(), 76u);
}

}  // namespace
}  // namespace rmaplab
