// SPDX-License-Identifier: GPL-2.0-only
#include "probes/slab.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/files.h"

namespace rmaplab
{
namespace
{

namespace fs = std::filesystem;

constexpr std::string_view kSlabinfo =
    "slabinfo - version: 2.1\n"
    "# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab> : tunables "
    "<limit> <batchcount> <sharedfactor> : slabdata <active_slabs> <num_slabs> <sharedavail>\n"
    "anon_vma_chain      1100   1216     64   64    1 : tunables    0    0    0 : slabdata     18 "
    "    19      0\n"
    "anon_vma             700    741    104   39    1 : tunables    0    0    0 : slabdata     19 "
    "    19      0\n"
    "vm_area_struct      1572   2184    192   42    2 : tunables    0    0    0 : slabdata     52 "
    "    52      0\n";

TEST(Slabinfo, TakesTheLineOfTheCache)
{
  const auto usage = parse_slabinfo(kSlabinfo, "anon_vma_chain");
  ASSERT_TRUE(usage) << to_string(usage.error());
  EXPECT_EQ(*usage, (SlabUsage{.cache = "anon_vma_chain",
                               .active_objects = 1100,
                               .total_objects = 1216,
                               .object_bytes = 64,
                               .slabs = 19,
                               .pages_per_slab = 1}));
}

TEST(Slabinfo, BytesInUseAreObjectsAndBytesHeldAreWholeSlabs)
{
  const auto usage = parse_slabinfo(kSlabinfo, "vm_area_struct");
  ASSERT_TRUE(usage) << to_string(usage.error());
  EXPECT_EQ(usage->active_bytes(), 1572u * 192u);
  EXPECT_EQ(usage->slab_bytes(4096), 52u * 2u * 4096u);
}

TEST(Slabinfo, LongerNameWithTheSameBeginningIsAnotherCache)
{
  const auto usage = parse_slabinfo(kSlabinfo, "anon_vma");
  ASSERT_TRUE(usage) << to_string(usage.error());
  EXPECT_EQ(usage->active_objects, 700u);
}

TEST(Slabinfo, MissingCacheIsUnsupportedNotZero)
{
  const auto usage = parse_slabinfo(kSlabinfo, "vma_lock");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(usage.error()), "slabinfo: no cache vma_lock");
}

TEST(Slabinfo, OtherVersionIsRejected)
{
  const auto usage = parse_slabinfo("slabinfo - version: 3.0\nanon_vma 1 2 3\n", "anon_vma");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Errc::parse);
  EXPECT_EQ(to_string(usage.error()), "slabinfo: first line is not \"slabinfo - version: 2.1\"");
}

TEST(Slabinfo, EmptyTextIsRejected)
{
  const auto usage = parse_slabinfo("", "anon_vma");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Errc::parse);
}

TEST(Slabinfo, ShortLineIsRejectedWithItsText)
{
  const auto usage = parse_slabinfo("slabinfo - version: 2.1\nanon_vma 700 741\n", "anon_vma");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Errc::parse);
  EXPECT_EQ(to_string(usage.error()), "slabinfo: bad line: anon_vma 700 741");
}

TEST(Slabinfo, CountThatIsNoNumberIsRejected)
{
  const auto usage = parse_slabinfo(
      "slabinfo - version: 2.1\nanon_vma 700 -1 104 39 1 : tunables 0 0 0 : "
      "slabdata 19 19 0\n",
      "anon_vma");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Errc::parse);
}

TEST(Slabinfo, LineWithoutItsSlabsIsRejected)
{
  const auto usage = parse_slabinfo(
      "slabinfo - version: 2.1\nanon_vma 700 741 104 39 1 : tunables 0 0 0\n", "anon_vma");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Errc::parse);
}

class SlabTree : public testing::Test
{
 protected:
  void SetUp() override
  {
    ASSERT_TRUE(temp_) << to_string(temp_.error());
    fs::create_directories(slab());
  }
  fs::path slab() const { return temp_->path() / "kernel/slab"; }
  void add_slabinfo() { ASSERT_TRUE(write_file(temp_->path() / "slabinfo", kSlabinfo)); }
  void merge(const std::string& cache, const std::string& into)
  {
    fs::create_directories(slab() / into);
    fs::create_directory_symlink(into, slab() / cache);
  }
  std::vector<Result<SlabUsage>> read(const std::vector<std::string>& caches) const
  {
    return read_slab_usage(temp_->path().string(), temp_->path().string(), caches);
  }
  Capability ask(const std::string& cache) const
  {
    return slab_capability(temp_->path().string(), temp_->path().string(), cache);
  }

 private:
  Result<TempDir> temp_ = TempDir::create("rmaplab-test-");
};

TEST_F(SlabTree, GivesOneResultForEachCacheInOrder)
{
  add_slabinfo();
  fs::create_directory(slab() / "anon_vma");
  const auto usage = read({"vm_area_struct", "anon_vma"});
  ASSERT_EQ(usage.size(), 2u);
  EXPECT_FALSE(usage[0]);
  ASSERT_TRUE(usage[1]) << to_string(usage[1].error());
  EXPECT_EQ(usage[1]->total_objects, 741u);
}

TEST_F(SlabTree, MergedCacheIsUnsupportedAndNamesTheOther)
{
  add_slabinfo();
  merge("anon_vma_chain", ":A-0000064");
  merge("pid", ":A-0000064");
  merge("dentry", ":A-0000192");
  const auto usage = read({"anon_vma_chain"});
  ASSERT_EQ(usage.size(), 1u);
  ASSERT_FALSE(usage[0]);
  EXPECT_EQ(usage[0].error().code, Errc::unsupported);
  EXPECT_EQ(to_string(usage[0].error()),
            "cache anon_vma_chain is merged with pid; boot with slab_nomerge to tell them apart");
}

TEST_F(SlabTree, MergedCacheNamesAllOthersInOrder)
{
  add_slabinfo();
  for (const char* cache : {"fs_cache", "anon_vma_chain", "eventpoll_pwq"})
    merge(cache, ":A-0000064");
  const auto usage = read({"anon_vma_chain"});
  ASSERT_FALSE(usage.at(0));
  EXPECT_EQ(to_string(usage[0].error()),
            "cache anon_vma_chain is merged with eventpoll_pwq, fs_cache; boot with slab_nomerge "
            "to tell them apart");
}

TEST_F(SlabTree, CacheThatMayMergeButStandsAloneIsItsOwn)
{
  add_slabinfo();
  merge("anon_vma_chain", ":A-0000064");
  merge("dentry", ":A-0000192");
  const auto usage = read({"anon_vma_chain"});
  ASSERT_TRUE(usage.at(0)) << to_string(usage[0].error());
  EXPECT_EQ(usage[0]->active_objects, 1100u);
}

TEST_F(SlabTree, LineIsNotBelievedWhereMergingCannotBeSeen)
{
  add_slabinfo();
  const auto usage = read({"anon_vma_chain"});
  ASSERT_FALSE(usage.at(0));
  EXPECT_EQ(usage[0].error().code, Errc::unsupported);
  EXPECT_NE(to_string(usage[0].error()).find("mount sysfs at /sys"), std::string::npos)
      << to_string(usage[0].error());
}

TEST_F(SlabTree, LinkToAnOrdinaryFolderIsNoMerge)
{
  add_slabinfo();
  merge("anon_vma", "renamed");
  const auto usage = read({"anon_vma"});
  ASSERT_TRUE(usage.at(0)) << to_string(usage[0].error());
  EXPECT_EQ(usage[0]->active_objects, 700u);
}

TEST_F(SlabTree, MissingSlabinfoIsUnsupportedForEveryCache)
{
  const auto usage = read({"anon_vma", "anon_vma_chain"});
  ASSERT_EQ(usage.size(), 2u);
  for (const auto& one : usage) {
    ASSERT_FALSE(one);
    EXPECT_EQ(one.error().code, Errc::unsupported);
    EXPECT_EQ(to_string(one.error()), "no /proc/slabinfo; CONFIG_SLUB_DEBUG=y");
  }
}

TEST_F(SlabTree, ShrinkWritesToTheCache)
{
  fs::create_directory(slab() / "anon_vma");
  ASSERT_TRUE(write_file(slab() / "anon_vma/shrink", ""));
  shrink_cache((slab() / "../..").string(), "anon_vma");
  EXPECT_EQ(*read_file(slab() / "anon_vma/shrink"), "1\n");
}

TEST_F(SlabTree, ShrinkLeavesACacheWithoutFolderAlone)
{
  shrink_cache((slab() / "../..").string(), "anon_vma");
  EXPECT_TRUE(fs::is_empty(slab()));
}

TEST_F(SlabTree, CapabilityWorksWhereTheCacheCanBeShrunk)
{
  add_slabinfo();
  fs::create_directory(slab() / "anon_vma");
  ASSERT_TRUE(write_file(slab() / "anon_vma/shrink", ""));
  const Capability capability = ask("anon_vma");
  EXPECT_EQ(capability.state, Capability::State::works);
  EXPECT_EQ(capability.probe, "slab anon_vma");
  EXPECT_EQ(capability.reason, "from /proc/slabinfo; 104 bytes an object");
  EXPECT_EQ(*read_file(slab() / "anon_vma/shrink"), "") << "asking must not shrink";
}

TEST_F(SlabTree, CapabilityIsPartialWithoutShrink)
{
  add_slabinfo();
  fs::create_directory(slab() / "anon_vma");
  const Capability capability = ask("anon_vma");
  EXPECT_EQ(capability.state, Capability::State::partly);
  EXPECT_EQ(capability.remedy, "root, and a writable /sys");
}

TEST_F(SlabTree, CapabilityOfAMergedCacheSaysWithWhichAndHowToPartThem)
{
  add_slabinfo();
  for (const char* cache : {"fs_cache", "anon_vma_chain", "eventpoll_pwq"})
    merge(cache, ":A-0000064");
  const Capability capability = ask("anon_vma_chain");
  EXPECT_EQ(capability.state, Capability::State::not_here);
  EXPECT_EQ(capability.reason, "cache anon_vma_chain is merged with eventpoll_pwq, fs_cache");
  EXPECT_EQ(capability.remedy, "boot with slab_nomerge to tell them apart");
}

TEST_F(SlabTree, CapabilityWithoutSlabinfoNamesTheKconfigOption)
{
  const Capability capability = ask("anon_vma");
  EXPECT_EQ(capability.state, Capability::State::not_here);
  EXPECT_EQ(capability.remedy, "CONFIG_SLUB_DEBUG=y");
}

// The rule on this machine: what the capability says is what a reading does.
TEST(SlabHere, CapabilityAgreesWithTheReading)
{
  const auto usage = read_slab_usage("/proc", "/sys", kRmapCaches);
  for (std::size_t i = 0; i < kRmapCaches.size(); ++i) {
    const Capability capability = slab_capability("/proc", "/sys", kRmapCaches[i]);
    RecordProperty(kRmapCaches[i], to_string(capability));
    if (!usage[i]) {
      EXPECT_EQ(capability.state, Capability::State::not_here) << to_string(usage[i].error());
      continue;
    }
    EXPECT_NE(capability.state, Capability::State::not_here) << capability.reason;
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    EXPECT_GT(usage[i]->active_bytes(), 0u);
    EXPECT_GE(usage[i]->slab_bytes(page_bytes), usage[i]->active_bytes());
  }
}

}  // namespace
}  // namespace rmaplab
