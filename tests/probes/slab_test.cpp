// SPDX-License-Identifier: GPL-2.0-only
#include "probes/slab.h"

#include <gtest/gtest.h>

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
    "anon_vma_chain      1100   1216     64   64    1 : tunables    0    0    0 : slabdata     19 "
    "    19      0\n"
    "anon_vma             700    741    104   39    1 : tunables    0    0    0 : slabdata     19 "
    "    19      0\n";

TEST(Slabinfo, TakesTheLineOfTheCache)
{
  const auto usage = parse_slabinfo(kSlabinfo, "anon_vma_chain");
  ASSERT_TRUE(usage) << to_string(usage.error());
  EXPECT_EQ(*usage, (SlabUsage{.cache = "anon_vma_chain",
                               .active_objects = 1100,
                               .total_objects = 1216,
                               .object_bytes = 64}));
}

TEST(Slabinfo, LongerNameWithTheSameBeginningIsAnotherCache)
{
  const auto usage = parse_slabinfo(kSlabinfo, "anon_vma");
  ASSERT_TRUE(usage) << to_string(usage.error());
  EXPECT_EQ(usage->active_objects, 700u);
}

TEST(Slabinfo, MissingCacheIsUnsupportedNotZero)
{
  const auto usage = parse_slabinfo(kSlabinfo, "vm_area_struct");
  ASSERT_FALSE(usage);
  EXPECT_EQ(usage.error().code, Errc::unsupported);
  EXPECT_EQ(to_string(usage.error()), "slabinfo: no cache vm_area_struct");
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
  const auto usage = parse_slabinfo("slabinfo - version: 2.1\nanon_vma 700 -1 104\n", "anon_vma");
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
            "cache anon_vma_chain is merged with pid; boot with slab_nomerge");
}

TEST_F(SlabTree, MergedCacheNamesAllOthers)
{
  add_slabinfo();
  for (const char* cache : {"anon_vma_chain", "pid", "iommu_iova"})
    merge(cache, ":A-0000064");
  const auto usage = read({"anon_vma_chain"});
  ASSERT_FALSE(usage.at(0));
  const std::string text = to_string(usage[0].error());
  EXPECT_NE(text.find("pid"), std::string::npos) << text;
  EXPECT_NE(text.find("iommu_iova"), std::string::npos) << text;
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
    EXPECT_EQ(to_string(one.error()), "no /proc/slabinfo: the kernel lacks CONFIG_SLUB_DEBUG");
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

}  // namespace
}  // namespace rmaplab
