// SPDX-License-Identifier: GPL-2.0-only
#include "probes/kernel_log.h"

#include <gtest/gtest.h>

#include "base/files.h"

namespace rmaplab
{
namespace
{

TEST(KernelLogRecord, HasNumberTimeAndTextButNoKeyValueLines)
{
  const auto record =
      parse_log_record("7,160,424069,-;pci_root PNP0A03:00: host bridge\n SUBSYSTEM=acpi\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(*record, (LogRecord{160, 424069, "pci_root PNP0A03:00: host bridge"}));
}

TEST(KernelLogRecord, MayHoldASemicolonAndLaterFields)
{
  const auto record = parse_log_record("4,1,2,-,caller=T1;a; b\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->text, "a; b");
}

TEST(KernelLogRecord, EscapesAreUndoneAndEachLineIsStamped)
{
  const auto record = parse_log_record("4,1,5012345,-;one\\x0atwo \\x5c\n");
  ASSERT_TRUE(record);
  EXPECT_EQ(to_string(*record), "[    5.012345] one\n[    5.012345] two \\\n");
}

TEST(KernelLogRecord, WithoutItsHeadIsAnError)
{
  for (const char* text : {"", "text", "4,1;text", "4,x,2,-;text", "4,1,2,-"}) {
    const auto record = parse_log_record(text);
    ASSERT_FALSE(record) << text;
    EXPECT_EQ(record.error().code, Errc::parse);
  }
}

TEST(KernelLogComplaint, IsWhatTheKernelSaysOfItsOwnErrors)
{
  for (const char* line : {
           "WARNING: CPU: 1 PID: 77 at mm/rmap.c:123 unlink_anon_vmas+0x1/0x2",
           "WARNING: mm/rmap.c:123 at unlink_anon_vmas+0x1/0x2, CPU#1: a.out/77",
           "WARNING: possible circular locking dependency detected",
           "WARNING: possible recursive locking detected",
           "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
           "WARNING: inconsistent lock state",
           "WARNING: suspicious RCU usage",
           "WARNING: bad unlock balance detected!",
           "[ BUG: Invalid wait context ]",
           "BUG: KASAN: slab-use-after-free in unlink_anon_vmas+0x1/0x2",
           "BUG: KFENCE: use-after-free read in f+0x1/0x2",
           "BUG: KCSAN: data-race in f / g",
           "BUG anon_vma_chain (Not tainted): Poison overwritten",
           "BUG: Bad rss-counter state mm:00000000 type:MM_ANONPAGES val:1",
           "BUG: Bad page state in process a.out  pfn:01234",
           "BUG: sleeping function called from invalid context at mm/slab.h:1",
           "BUG: kernel NULL pointer dereference, address: 0000000000000008",
           "kernel BUG at mm/rmap.c:123!",
           "UBSAN: shift-out-of-bounds in mm/rmap.c:1:2",
           "Oops: 0002 [#1] SMP",
           "Oops: general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP",
           "general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP",
           "Internal error: Oops: 0000000096000004 [#1] SMP",
           "Unable to handle kernel paging request at virtual address ffff",
           "page dumped because: VM_BUG_ON_PAGE(PageTail(page))",
           "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [a.out:77]",
           "NMI watchdog: Watchdog detected hard LOCKUP on cpu 1",
           "rcu: INFO: rcu_preempt self-detected stall on CPU",
           "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
           "rcu: INFO: rcu_sched detected expedited stalls on CPUs/tasks: { 0-... } 21",
           "INFO: task a.out:77 blocked for more than 120 seconds.",
           "kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
       })
    EXPECT_TRUE(is_complaint(line)) << line;
}

TEST(KernelLogComplaint, IsNoOrdinaryLineWithOneOfThoseWords)
{
  for (const char* line : {
           "",
           "------------[ cut here ]------------",
           "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
           "WARNING: unable to find a console",
           "WARNING: CPU",
           "INFO: lockdep is turned off.",
           "rcu: Hierarchical RCU implementation.",
           "rcu: INFO: Stall ended before state dump start",
           "NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
           "watchdog: Delayed init of the lockup detector failed: -19",
           "a.out: page allocation failure: order:4, mode:0xcc0",
           "traps: a.out[77] general protection fault ip:1 sp:2 error:0 in a.out[1000+1]",
           "a.out[77]: segfault at 0 ip 1 sp 2 error 6 in a.out[1000+1]",
           "ACPI BIOS Error (bug): Could not resolve symbol",
           "[Firmware Bug]: TSC doesn't count with P0 frequency!",
           "BUGS in our log",
           "kfence: initialized - using 2097152 bytes for 255 objects",
           "UBSAN: enabled",
           "Kernel panic timeout is 1",
       })
    EXPECT_FALSE(is_complaint(line)) << line;
}

TEST(KernelLogComplaint, OfAConsoleIsFoundBehindTimeAndCaller)
{
  EXPECT_EQ(complaints_of_console("BIOS\n[    0.1] fine\n"
                                  "[    5.012345] WARNING: CPU: 0 PID: 1 at mm/rmap.c:1 f\n"
                                  "[   15.012345][   T77] kernel BUG at mm/rmap.c:2!\n"
                                  "[   15.012345] [ BUG: Invalid wait context ]\n"
                                  "BUG: KASAN: x\n"),
            (std::vector<std::string>{"WARNING: CPU: 0 PID: 1 at mm/rmap.c:1 f",
                                      "kernel BUG at mm/rmap.c:2!", "[ BUG: Invalid wait context ]",
                                      "BUG: KASAN: x"}));
}

TEST(KernelCounts, AreWhatThisKernelHasAndTaintsThatTellOfAnError)
{
  const auto root = TempDir::create("rmaplab-test-");
  ASSERT_TRUE(root);
  ASSERT_TRUE(make_directories(root->path() / "sys/kernel"));
  ASSERT_TRUE(make_directories(root->path() / "proc/sys/kernel"));
  ASSERT_TRUE(write_file(root->path() / "sys/kernel/warn_count", "3\n"));
  ASSERT_TRUE(write_file(root->path() / "proc/sys/kernel/tainted", "4609\n"));  // P, W, O
  const auto counts = read_kernel_counts(root->path());
  EXPECT_EQ(counts.size(), 6u);
  EXPECT_EQ(counts.at("warn_count"), 3u);
  EXPECT_EQ(counts.at("taint W (warning)"), 1u);
  EXPECT_EQ(counts.at("taint D (oops)"), 0u);
}

TEST(KernelCounts, ThatGrewAreNamedWithBothValues)
{
  EXPECT_EQ(grown({{"oops_count", 1}, {"warn_count", 3}}, {{"oops_count", 1}, {"warn_count", 5}}),
            (std::vector<std::string>{"warn_count 3 -> 5"}));
}

TEST(KernelCounts, ThatWereNotThereBeforeAreNotComparedWithZero)
{
  EXPECT_TRUE(grown({}, {{"warn_count", 5}}).empty());
}

}  // namespace
}  // namespace rmaplab
