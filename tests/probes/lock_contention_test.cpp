// SPDX-License-Identifier: GPL-2.0-only
#include "probes/lock_contention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>

namespace rmaplab
{
namespace
{

constexpr std::uint32_t kSpin = 1, kRead = 2, kWrite = 4, kRt = 8, kPercpu = 16, kMutex = 32;

ContentionEvent begin(std::uint64_t time_ns, std::uint32_t tid, std::uint64_t lock,
                      std::uint32_t flags = kWrite, std::uint32_t cpu = 0)
{
  return {.time_ns = time_ns, .lock = lock, .tid = tid, .cpu = cpu, .flags = flags};
}

ContentionEvent end(std::uint64_t time_ns, std::uint32_t tid, std::uint64_t lock,
                    std::uint32_t cpu = 0)
{
  return {
      .type = ContentionEvent::Type::end, .time_ns = time_ns, .lock = lock, .tid = tid, .cpu = cpu};
}

WaitPairer paired(std::initializer_list<ContentionEvent> events)
{
  WaitPairer pairer;
  for (const auto& event : events)
    pairer.add(event);
  return pairer;
}

TEST(ContentionKind, FlagsDecide)
{
  EXPECT_EQ(kind_of_flags(kRead), LockKind::read);
  EXPECT_EQ(kind_of_flags(kWrite), LockKind::write);
  EXPECT_EQ(kind_of_flags(kSpin), LockKind::spin);
  EXPECT_EQ(kind_of_flags(kSpin | kWrite), LockKind::spin);
  EXPECT_EQ(kind_of_flags(kMutex), LockKind::mutex);
  EXPECT_EQ(kind_of_flags(kMutex | kSpin), LockKind::mutex);
  EXPECT_EQ(kind_of_flags(kRt), LockKind::mutex);
  EXPECT_EQ(kind_of_flags(kRt | kWrite), LockKind::write);
  EXPECT_EQ(kind_of_flags(kPercpu | kWrite), LockKind::other);
  EXPECT_EQ(kind_of_flags(0), LockKind::other);
}

TEST(ContentionPairs, BeginAndEndOfOneTaskAreAWaitAlsoAcrossCpus)
{
  const auto pairer = paired({begin(100, 7, 0xa0, kWrite, 0), end(350, 7, 0xa0, 1)});
  ASSERT_EQ(pairer.waits().size(), 1u);
  EXPECT_EQ(pairer.waits()[0].ns, 250u);
  EXPECT_EQ(pairer.waits()[0].lock, 0xa0u);
  EXPECT_EQ(pairer.waits()[0].kind, LockKind::write);
  EXPECT_EQ(pairer.counts(), (PairCounts{.begins = 1, .ends = 1}));
}

TEST(ContentionPairs, SpinningInsideAnRwsemWaitIsAWaitOfItsOwn)
{
  const auto pairer = paired(
      {begin(100, 7, 0xa0), begin(110, 7, 0xb0, kSpin), end(115, 7, 0xb0), end(350, 7, 0xa0)});
  ASSERT_EQ(pairer.waits().size(), 2u);
  EXPECT_EQ(pairer.waits()[0].ns, 5u);
  EXPECT_EQ(pairer.waits()[0].kind, LockKind::spin);
  EXPECT_EQ(pairer.waits()[1].ns, 250u);
}

TEST(ContentionPairs, OtherTaskDoesNotEndTheWait)
{
  const auto pairer = paired({begin(100, 7, 0xa0), end(350, 8, 0xa0)});
  EXPECT_TRUE(pairer.waits().empty());
  EXPECT_EQ(pairer.counts(),
            (PairCounts{.begins = 1, .ends = 1, .unmatched_begins = 1, .unmatched_ends = 1}));
}

TEST(ContentionPairs, IdleTasksOfTwoCpusAreTwoTasks)
{
  const auto pairer = paired({begin(100, 0, 0xa0, kSpin, 0), begin(110, 0, 0xa0, kSpin, 1),
                              end(120, 0, 0xa0, 0), end(150, 0, 0xa0, 1)});
  ASSERT_EQ(pairer.waits().size(), 2u);
  EXPECT_EQ(pairer.waits()[0].ns, 20u);
  EXPECT_EQ(pairer.waits()[1].ns, 40u);
}

TEST(ContentionPairs, MutexThatGoesFromSpinningToSleepIsOneWait)
{
  const auto pairer = paired({begin(100, 7, 0xa0, kMutex | kSpin), begin(130, 7, 0xa0, kMutex),
                              begin(150, 7, 0xa0, kMutex | kSpin), end(200, 7, 0xa0)});
  ASSERT_EQ(pairer.waits().size(), 1u);
  EXPECT_EQ(pairer.waits()[0].ns, 100u);
  EXPECT_EQ(pairer.counts(), (PairCounts{.begins = 3, .ends = 1, .continued = 2}));
}

TEST(ContentionPairs, SecondBeginOfAnRwsemMeansTheFirstLostItsEnd)
{
  const auto pairer = paired({begin(100, 7, 0xa0), begin(300, 7, 0xa0), end(350, 7, 0xa0)});
  ASSERT_EQ(pairer.waits().size(), 1u);
  EXPECT_EQ(pairer.waits()[0].ns, 50u);
  EXPECT_EQ(pairer.counts(), (PairCounts{.begins = 2, .ends = 1, .unmatched_begins = 1}));
}

TEST(ContentionCaller, LockInternalsAreLeftOut)
{
  EXPECT_EQ(caller_text({"__traceiter_contention_begin", "rwsem_down_write_slowpath", "down_write",
                         "anon_vma_clone", "anon_vma_fork", "dup_mmap", "copy_process"}),
            "anon_vma_clone < anon_vma_fork < dup_mmap");
}

TEST(ContentionCaller, WakerOfAnRwsemIsTheFunctionThatReleasesIt)
{
  EXPECT_EQ(caller_text({"__pv_queued_spin_lock_slowpath", "_raw_spin_lock_irqsave", "rwsem_wake",
                         "up_write", "unlink_anon_vmas", "free_pgtables"}),
            "unlink_anon_vmas < free_pgtables");
}

TEST(ContentionCaller, InternalsFurtherOutStay)
{
  EXPECT_EQ(caller_text({"native_queued_spin_lock_slowpath", "_raw_spin_lock", "try_to_wake_up",
                         "wake_up_q", "rwsem_wake", "up_write"}),
            "try_to_wake_up < wake_up_q < rwsem_wake");
}

TEST(ContentionCaller, FunctionsThatOnlySoundLikeLocksAreCallers)
{
  for (const char* name : {"down_the_road", "raise_softirq", "up_to_date"})
    EXPECT_EQ(caller_text({"down_write", name}), name);
}

TEST(ContentionCaller, ChainWithoutACallerIsUnknown)
{
  EXPECT_EQ(caller_text({}), "unknown");
  EXPECT_EQ(caller_text({"down_write"}), "unknown");
}

struct Case {
  LockKind kind;
  std::uint64_t lock;
  CallChain chain;
};

// Classes of the cases' rows, in the order of the cases.
std::vector<LockClass> classes(const std::vector<Case>& cases)
{
  std::vector<LockWait> waits;
  std::vector<CallChain> chains;
  for (const Case& one : cases) {
    // Rows come longest first.
    waits.push_back({.lock = one.lock,
                     .ns = 1000 - waits.size(),
                     .chain = static_cast<std::uint32_t>(chains.size()),
                     .kind = one.kind});
    chains.push_back(one.chain);
  }
  std::vector<LockClass> found;
  for (const auto& row : contention_rows(waits, chains))
    found.push_back(row.lock_class);
  return found;
}

TEST(ContentionClass, FunctionThatTakesOneSortOfRwsemTells)
{
  EXPECT_EQ(classes({{LockKind::write, 0xa0, {"down_write", "anon_vma_clone"}},
                     {LockKind::read, 0xb0, {"down_read", "rmap_walk_anon"}},
                     {LockKind::write, 0xc0, {"down_write", "unlink_file_vma"}},
                     {LockKind::write, 0xd0, {"down_write_killable", "vm_mmap_pgoff"}}}),
            (std::vector{LockClass::anon_vma, LockClass::anon_vma, LockClass::i_mmap,
                         LockClass::mmap_lock}));
}

TEST(ContentionClass, AddressTellsWhereTheFunctionTakesSeveral)
{
  EXPECT_EQ(classes({{LockKind::write, 0xa0, {"down_write", "vma_prepare", "__split_vma"}},
                     {LockKind::write, 0xc0, {"down_write", "vma_prepare", "vma_shrink"}},
                     {LockKind::write, 0xa0, {"down_write", "unlink_anon_vmas"}},
                     {LockKind::write, 0xc0, {"down_write", "unlink_file_vma"}}}),
            (std::vector{LockClass::anon_vma, LockClass::i_mmap, LockClass::anon_vma,
                         LockClass::i_mmap}));
}

TEST(ContentionClass, UnknownAddressUnderAFunctionOfSeveralIsOther)
{
  EXPECT_EQ(classes({{LockKind::write, 0xa0, {"down_write", "vma_prepare", "__split_vma"}},
                     {LockKind::write, 0xb0, {"down_write", "unlink_anon_vmas"}}}),
            (std::vector{LockClass::other, LockClass::anon_vma}));
}

TEST(ContentionClass, AddressTaughtTwoClassesTellsNothing)
{
  EXPECT_EQ(classes({{LockKind::write, 0xa0, {"down_write", "vma_prepare"}},
                     {LockKind::write, 0xa0, {"down_write", "unlink_anon_vmas"}},
                     {LockKind::write, 0xa0, {"down_write", "unlink_file_vma"}}}),
            (std::vector{LockClass::other, LockClass::anon_vma, LockClass::i_mmap}));
}

TEST(ContentionClass, WaitLockInsideAnRwsemIsOfThatRwsem)
{
  EXPECT_EQ(classes({{LockKind::spin,
                      0xa8,
                      {"_raw_spin_lock_irqsave", "rwsem_wake", "up_write", "unlink_anon_vmas"}}}),
            std::vector{LockClass::anon_vma});
}

TEST(ContentionClass, SpinlockOfTheSameFunctionIsNotItsRwsem)
{
  EXPECT_EQ(classes({{LockKind::spin, 0xa0, {"_raw_spin_lock", "__anon_vma_prepare"}},
                     {LockKind::write, 0xb0, {"down_write", "__anon_vma_prepare"}},
                     {LockKind::spin, 0xc0, {"_raw_spin_lock", "anon_vma_clone"}}}),
            (std::vector{LockClass::page_table, LockClass::anon_vma, LockClass::other}));
}

TEST(ContentionClass, RunQueueLockInsideAnRwsemWaitIsOther)
{
  EXPECT_EQ(classes({{LockKind::spin,
                      0xa0,
                      {"raw_spin_rq_lock_nested", "__schedule", "schedule", "down_write",
                       "anon_vma_clone"}}}),
            std::vector{LockClass::other});
}

TEST(ContentionRows, WaitsOfOneCallerAreSummedWhateverTheChain)
{
  const std::vector<CallChain> chains = {{"down_write", "anon_vma_clone", "x"},
                                         {"rwsem_down_write_slowpath", "anon_vma_clone", "x"}};
  std::vector<LockWait> waits;
  for (std::uint64_t ns = 1; ns <= 200; ++ns)
    waits.push_back({.lock = 0xa0,
                     .ns = ns,
                     .chain = static_cast<std::uint32_t>(ns % 2),
                     .kind = LockKind::write});
  const auto rows = contention_rows(waits, chains);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].caller, "anon_vma_clone < x");
  EXPECT_EQ(rows[0].waits, 200u);
  EXPECT_EQ(rows[0].total_ns, 20100u);
  EXPECT_EQ(rows[0].p99_ns, 198u);
  EXPECT_EQ(rows[0].max_ns, 200u);
}

TEST(ContentionRows, HistogramCountsPowersOfTwo)
{
  std::vector<LockWait> waits;
  for (const std::uint64_t ns : {0, 1, 2, 3, 4, 1023, 1024})
    waits.push_back({.lock = 0xa0, .ns = ns, .kind = LockKind::write});
  const auto rows = contention_rows(waits, std::vector<CallChain>{{"down_write", "f"}});
  ASSERT_EQ(rows.size(), 1u);
  const auto& histogram = rows[0].histogram;
  EXPECT_EQ(histogram[0], 1u);   // 0
  EXPECT_EQ(histogram[1], 1u);   // 1
  EXPECT_EQ(histogram[2], 2u);   // 2, 3
  EXPECT_EQ(histogram[3], 1u);   // 4
  EXPECT_EQ(histogram[10], 1u);  // 1023
  EXPECT_EQ(histogram[11], 1u);  // 1024
}

TEST(ContentionRows, KindsOfOneCallerAreApartAndTheLongestComesFirst)
{
  const std::vector<LockWait> waits = {{.lock = 0xa0, .ns = 10, .kind = LockKind::read},
                                       {.lock = 0xa0, .ns = 30, .kind = LockKind::write},
                                       {.lock = 0xa0, .ns = 15, .kind = LockKind::read}};
  const auto rows = contention_rows(waits, std::vector<CallChain>{{"f"}});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].kind, LockKind::write);
  EXPECT_EQ(rows[1].kind, LockKind::read);
  EXPECT_EQ(rows[1].total_ns, 25u);
}

}  // namespace
}  // namespace rmaplab
