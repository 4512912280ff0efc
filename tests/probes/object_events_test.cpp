// SPDX-License-Identifier: GPL-2.0-only
#include "probes/object_events.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

const std::vector<RmapCache> kCaches = {
    {.name = "vm_area_struct", .object_size = 192, .event_names = {"vm_area_struct"}},
    {.name = "anon_vma", .object_size = 96, .event_names = {"anon_vma"}},
    {.name = "anon_vma_chain", .object_size = 64, .event_names = {"anon_vma_chain"}},
};

// Lines as 6.18 prints them.
std::string allocated(const std::string& site, const std::string& name, int bytes,
                      const std::string& pointer = "00000000940055a4",
                      const std::string& gfp = "GFP_KERNEL")
{
  return "            bash-6662    [001] .....   835.997965: kmem_cache_alloc: call_site=" + site +
         "+0x1e/0x190 ptr=" + pointer + (name.empty() ? "" : " name=" + name) +
         " bytes_req=" + std::to_string(bytes) + " bytes_alloc=" + std::to_string(bytes) +
         " gfp_flags=" + gfp + " node=-1 accounted=true\n";
}

std::string freed(const std::string& site, const std::string& name,
                  const std::string& pointer = "00000000940055a4")
{
  return "            bash-6662    [001] .....   835.997966: kmem_cache_free: call_site=" + site +
         "+0x97/0x1a0 ptr=" + pointer + " name=" + name + "\n";
}

std::string mark(const std::string& what)
{
  return "   rmaplab-run-1  [000] .....   1: tracing_mark_write: rmaplab:" + what + "\n";
}

ObjectTrace parsed(const std::string& text, const std::vector<RmapCache>& caches = kCaches)
{
  auto trace = parse_object_trace(text, caches);
  EXPECT_TRUE(trace) << to_string(trace.error());
  return trace ? *std::move(trace) : ObjectTrace{};
}

TEST(ObjectTrace, CountsByCacheAndFunction)
{
  const auto trace = parsed(mark("begin") + allocated("anon_vma_fork", "anon_vma", 96) +
                            allocated("anon_vma_clone", "anon_vma_chain", 64) +
                            allocated("anon_vma_fork", "anon_vma_chain", 64) +
                            freed("unlink_anon_vmas", "anon_vma_chain") + mark("end"));
  const ObjectTable expected = {{"anon_vma", {{"anon_vma_fork", {.allocated = 1}}}},
                                {"anon_vma_chain",
                                 {{"anon_vma_clone", {.allocated = 1}},
                                  {"anon_vma_fork", {.allocated = 1}},
                                  {"unlink_anon_vmas", {.freed = 1}}}}};
  EXPECT_EQ(trace.operation, expected);
  EXPECT_EQ(total(trace.operation, "anon_vma_chain"), (ObjectCount{.allocated = 2, .freed = 1}));
}

TEST(ObjectTrace, OperationIsTheLastMarkedOne)
{
  const std::string fork = allocated("anon_vma_fork", "anon_vma", 96);
  const auto trace = parsed(fork + mark("begin") + fork + fork + mark("end") + fork +
                            mark("begin") + fork + mark("end") + fork);
  EXPECT_EQ(total(trace.operation, "anon_vma").allocated, 1u);
}

TEST(ObjectTrace, WithoutABeginTheOperationIsEmpty)
{
  const auto trace = parsed(allocated("anon_vma_fork", "anon_vma", 96) + mark("end"));
  EXPECT_TRUE(trace.operation.empty());
}

TEST(ObjectTrace, AliveIsCountedFromTheStartToTheFirstObservation)
{
  const std::string fork = allocated("anon_vma_fork", "anon_vma", 96);
  const auto trace = parsed(fork + fork + freed("__put_anon_vma", "anon_vma") + mark("observe") +
                            fork + mark("observe"));
  ASSERT_TRUE(trace.until_observed);
  EXPECT_EQ(total(*trace.until_observed, "anon_vma"), (ObjectCount{.allocated = 2, .freed = 1}));
}

TEST(ObjectTrace, WithoutAnObservationNothingIsSaidOfTheLiving)
{
  EXPECT_FALSE(parsed(allocated("anon_vma_fork", "anon_vma", 96)).until_observed);
}

TEST(ObjectTrace, AllocationWithoutNameIsToldBySizeAndFunction)
{
  // 6.12: no name=. A 64-byte object of another cache is none of ours.
  const auto trace =
      parsed(mark("begin") + allocated("anon_vma_clone", "", 64, "1") +
             allocated("anon_vma_fork", "", 96, "2") + allocated("copy_fs_struct", "", 64, "3") +
             allocated("vm_area_dup", "", 192, "4") + mark("end"));
  const ObjectTable expected = {{"anon_vma", {{"anon_vma_fork", {.allocated = 1}}}},
                                {"anon_vma_chain", {{"anon_vma_clone", {.allocated = 1}}}},
                                {"vm_area_struct", {{"vm_area_dup", {.allocated = 1}}}}};
  EXPECT_EQ(trace.operation, expected);
}

TEST(ObjectTrace, NameOfTheFreeingTellsTheCacheWhereTheFunctionDoesNot)
{
  const auto trace = parsed(
      mark("begin") + allocated("dup_mmap", "", 96, "a") + allocated("copy_thing", "", 96, "b") +
      mark("end") + freed("__put_anon_vma", "anon_vma", "a") + freed("kfree_thing", "skbuff", "b"));
  const ObjectTable expected = {{"anon_vma", {{"dup_mmap", {.allocated = 1}}}}};
  EXPECT_EQ(trace.operation, expected);
}

TEST(ObjectTrace, OnePointerThatReadsLikeAnotherDoesNotMislead)
{
  std::string text = mark("begin");
  for (const char* pointer : {"a", "b", "c"})
    text += allocated("dup_mmap", "", 64, pointer);
  text += mark("end") + freed("unlink_anon_vmas", "anon_vma_chain", "a") +
          freed("unlink_anon_vmas", "anon_vma_chain", "b") +
          freed("exit_mmap", "vm_area_struct", "c");
  const ObjectTable expected = {{"anon_vma_chain", {{"dup_mmap", {.allocated = 3}}}}};
  EXPECT_EQ(parsed(text).operation, expected);
}

TEST(ObjectTrace, PointersPrintedBeforeTheyCanBeHashedSayNothing)
{
  // A guest early in its life: every pointer reads alike.
  const char* const unknown = "(____ptrval____)";
  const auto trace = parsed(mark("begin") + allocated("anon_vma_clone", "", 64, unknown) +
                            freed("exit_mmap", "vm_area_struct", unknown) +
                            allocated("dup_mmap", "", 64, unknown) +
                            freed("unlink_anon_vmas", "anon_vma_chain", unknown) + mark("end"));
  EXPECT_EQ(total(trace.operation, "anon_vma_chain"), (ObjectCount{.allocated = 1, .freed = 1}));
}

TEST(ObjectTrace, MergedCachesAreToldApartByFunction)
{
  std::vector<RmapCache> merged = kCaches;
  merged[2].event_names = {"anon_vma_chain", "fs_cache"};
  const auto trace = parsed(mark("begin") + allocated("copy_fs_struct", "anon_vma_chain", 64) +
                                allocated("anon_vma_clone", "fs_cache", 64) + mark("end"),
                            merged);
  const ObjectTable expected = {{"anon_vma_chain", {{"anon_vma_clone", {.allocated = 1}}}}};
  EXPECT_EQ(trace.operation, expected);
}

TEST(ObjectTrace, VmasFreedFromRcuCallbacksAreLeftOutAndSaid)
{
  const auto trace = parsed(mark("begin") + allocated("vm_area_dup", "vm_area_struct", 192) +
                            freed("vm_area_free_rcu_cb", "vm_area_struct") + mark("end"));
  EXPECT_TRUE(trace.vmas_freed_by_rcu);
  EXPECT_EQ(total(trace.operation, "vm_area_struct"), (ObjectCount{.allocated = 1}));
}

TEST(ObjectTrace, FlagsOfTheCloneAreThoseOfItsAllocations)
{
  const auto trace =
      parsed(allocated("anon_vma_fork", "anon_vma_chain", 64) +
             allocated("anon_vma_clone", "anon_vma_chain", 64, "1", "GFP_NOWAIT|__GFP_NOWARN"));
  EXPECT_EQ(trace.clone_gfp, "GFP_NOWAIT|__GFP_NOWARN");
  EXPECT_EQ(parsed(allocated("anon_vma_fork", "anon_vma_chain", 64)).clone_gfp, "");
}

TEST(ObjectTrace, CommentsAndOtherEventsArePassedOver)
{
  const auto trace = parsed(
      "# tracer: nop\n#\nCPU:1 [LOST 3 EVENTS]\n bash-1 [0] ..: sched_switch: "
      "prev_comm=kmem_cache\n" +
      mark("begin") + allocated("anon_vma_fork", "anon_vma", 96));
  EXPECT_EQ(total(trace.operation, "anon_vma").allocated, 1u);
}

TEST(ObjectTrace, ProcessNameWithBlanksAndColonsIsNoHindrance)
{
  const auto trace =
      parsed(mark("begin") +
             " a b: c-7 [0] .....  1: kmem_cache_alloc: call_site=anon_vma_fork+0x1/0x2"
             " ptr=1 name=anon_vma bytes_req=96 bytes_alloc=104 gfp_flags=GFP_KERNEL\n");
  EXPECT_EQ(total(trace.operation, "anon_vma").allocated, 1u);
}

TEST(ObjectTrace, DamagedLineIsNamedByItsNumber)
{
  const auto trace = parse_object_trace(
      mark("begin") + " bash-1 [0] 1: kmem_cache_free: call_site=unlink_anon_vmas+0x1/0x2 ptr=1\n",
      kCaches);
  ASSERT_FALSE(trace);
  EXPECT_EQ(trace.error().code, Errc::parse);
  EXPECT_EQ(trace.error().context.substr(0, 8), "trace:2:");
}

TEST(RmapCaches, MergedCacheHasTheNamesOfTheOthers)
{
  namespace fs = std::filesystem;
  auto root = TempDir::create("rmap-caches");
  ASSERT_TRUE(root);
  const fs::path slab = root->path() / "kernel/slab";
  fs::create_directories(slab / ":A-0000064");
  fs::create_directories(slab / "anon_vma");
  for (const char* name : {"anon_vma_chain", "fs_cache"})
    fs::create_directory_symlink(":A-0000064", slab / name);
  ASSERT_TRUE(write_file(slab / ":A-0000064/object_size", "64\n"));
  ASSERT_TRUE(write_file(slab / "anon_vma/object_size", "96\n"));
  const auto caches = read_rmap_caches(root->path());
  ASSERT_EQ(caches.size(), 3u);
  EXPECT_EQ(caches[0].object_size, 0u);  // no vm_area_struct there
  EXPECT_EQ(caches[1].object_size, 96u);
  EXPECT_FALSE(caches[1].merged());
  EXPECT_EQ(caches[2].object_size, 64u);
  EXPECT_EQ(caches[2].event_names, (std::vector<std::string>{"anon_vma_chain", "fs_cache"}));
}

}  // namespace
}  // namespace rmaplab
