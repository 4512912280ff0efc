// SPDX-License-Identifier: GPL-2.0-only
#include <gtest/gtest.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "reports/report.h"

namespace rmaplab
{
namespace
{

class Rows
{
 public:
  Rows& of(const char* workload, const char* arguments)
  {
    workload_ = workload;
    arguments_ = arguments;
    return *this;
  }
  Rows& value(const char* metric, double value, const char* site = "", const char* note = "")
  {
    Sample sample = row(metric);
    sample.value = value;
    sample.site = site;
    sample.reason = note;
    run_.samples.push_back(sample);
    return *this;
  }
  Rows& times(const std::vector<double>& values)
  {
    for (const double ns : values)
      value("wall_time", ns);
    return *this;
  }
  Rows& none(const char* metric, SampleStatus status, const char* reason)
  {
    Sample sample = row(metric);
    sample.status = status;
    sample.reason = reason;
    sample.pass = "objects";
    run_.samples.push_back(sample);
    return *this;
  }
  Rows& fact(const char* key, const char* text)
  {
    run_.manifest[key] = text;
    return *this;
  }
  std::string report() const { return run_report(run_); }

 private:
  Sample row(const char* metric) const
  {
    return {.workload = workload_, .arguments = arguments_, .metric = metric};
  }
  const char* workload_ = "";
  const char* arguments_ = "";
  Run run_;
};

bool has(const std::string& text, const std::string& part)
{
  return text.find(part) != std::string::npos;
}

Rows whole_run()
{
  Rows rows;
  rows.fact("kernel.release", "6.18.44")
      .fact("kernel.anon_vma_clone_gfp", "GFP_KERNEL")
      .fact("counters.source", "PAPI")
      .fact("counters.reach", "everything that ran on CPU 1 meanwhile");
  rows.of("null", "").times({20, 20, 21}).value("task_clock", 29'500);
  rows.of("fork_flat", "vmas=16")
      .times({152'950, 149'735, 154'082})
      .value("alloc_vm_area_struct", 61)
      .value("alloc_anon_vma", 36)
      .value("alloc_anon_vma", 36, "anon_vma_fork")
      .value("alloc_anon_vma_chain", 72)
      .value("alloc_anon_vma_chain", 36, "anon_vma_clone")
      .value("alloc_anon_vma_chain", 36, "anon_vma_fork")
      .value("free_vm_area_struct", 61)
      .value("free_anon_vma", 36)
      .value("free_anon_vma_chain", 72)
      .value("forest_avcs", 108)
      .value("forest_avcs", 36, "before the workload")
      .value("forest_anon_vmas", 65)
      .value("forest_longest_chain", 2)
      .value("forest_tree_depth", 2)
      .value("forest_widest_fan_out", 2)
      .value("page_faults_arena", 0)
      .value("page_faults_other", 7)
      .value("vmas_peak", 64)
      .value("task_clock", 347'125)
      .value("page_faults", 7.25)
      .value("context_switches", 0.013)
      .value("cpu_migrations", 0)
      .value("kernel_instructions", 433'400)
      .value("kernel_cycles", 861'234, "", "scaled by time")
      .value("user_instructions", 1012);
  rows.of("split_faulted", "splits=1000")
      .times({7871, 6964, 7910})
      .value("alloc_vm_area_struct", 1999)
      .value("alloc_anon_vma", 0)
      .value("alloc_anon_vma_chain", 1999)
      .value("alloc_anon_vma_chain", 1999, "anon_vma_clone")
      .value("free_vm_area_struct", 0)
      .value("free_anon_vma", 0)
      .value("free_anon_vma_chain", 0);
  rows.of("contend_ww", "procs=8;op=fork;root=shared")
      .times({295'861, 267'959, 334'360})
      .value("anon_vma_waits", 988)
      .value("anon_vma_wait_time", 9'902'000)
      .value("mmap_lock_waits", 0)
      .value("mmap_lock_wait_time", 0)
      .value("other_lock_waits", 1470)
      .value("other_lock_wait_time", 26'110'000)
      .value("lock_operations", 40)
      .value("lock_begins", 2458)
      .value("lock_ends", 2458)
      .value("lock_unmatched", 0)
      .value("lock_lost", 0);
  const std::pair<const char*, double> callers[] = {
      {"anon_vma write: unlink_anon_vmas < free_pgtables < exit_mmap", 6'344'000},
      {"other spin: __schedule < schedule < irqentry_exit_to_user_mode", 4'724'000},
      {"i_mmap write: unlink_file_vma_batch_process < unlink_file_vma_batch_add < free_pgtables",
       1'599'000},
      {"other spin: task_rq_lock < sched_move_task < do_exit", 1'453'000},
      {"other spin: __task_rq_lock < wake_up_new_task < kernel_clone", 1'378'000},
      {"other spin: __do_wait < do_wait < kernel_wait4", 1'278'000},
      {"other spin: seventh", 1000}};
  for (const auto& [site, ns] : callers)
    rows.value("lock_waits", 317, site)
        .value("lock_wait_time", ns, site)
        .value("lock_wait_p99", 10'400, site);
  rows.of("contend_ww", "procs=8;op=fork;root=private")
      .times({215'227, 198'807, 259'664})
      .value("anon_vma_waits", 0)
      .value("anon_vma_wait_time", 0)
      .value("mmap_lock_wait_time", 0)
      .value("other_lock_wait_time", 4200)
      .value("lock_operations", 40)
      .value("lock_begins", 2)
      .value("lock_ends", 2)
      .value("lock_unmatched", 0)
      .value("lock_lost", 0);
  rows.of("fork_flat", "vmas=16")
      .none("instructions", SampleStatus::skip, "counted in the exact lab only")
      .none("kernel_dtlb_load_misses", SampleStatus::skip, "this CPU has no such event")
      .none("kernel_branch_misses", SampleStatus::skip, "this CPU has no such event");
  rows.of("null", "").none("instructions", SampleStatus::skip, "counted in the exact lab only");
  return rows;
}

TEST(RunReport, GoldenFile)
{
  const std::string text = whole_run().report();
  const auto golden = read_file(std::string(RMAPLAB_TEST_DIR) + "/reports/golden/run.txt");
  ASSERT_TRUE(golden);
  EXPECT_EQ(text, *golden);
}

TEST(RunReport, IsAtMostAHundredColumnsWide)
{
  const std::string text = whole_run()
                               .none("slab_bytes", SampleStatus::skip,
                                     "a reason of very many words that goes on and on and does "
                                     "not end before the hundredth column of the line it is on")
                               .report();
  for (const auto line : lines_of(text))
    EXPECT_LE(line.size(), 100u) << line;
}

TEST(RunReport, OfNothingSaysSo)
{
  EXPECT_EQ(run_report({}), "0 values on an unnamed kernel\n");
}

TEST(RunReport, OfSkipsAloneHasNoTable)
{
  EXPECT_EQ(Rows()
                .fact("kernel.release", "7.0")
                .of("null", "")
                .none("slab_anon_vma", SampleStatus::skip, "needs root")
                .none("slab_bytes", SampleStatus::skip, "needs root")
                .report(),
            "0 values on 7.0\n\n"
            "not measured (2 rows): needs root\n"
            "  slab_anon_vma, slab_bytes\n");
}

TEST(RunReport, FailureNamesCasePassAndReason)
{
  EXPECT_EQ(Rows()
                .fact("kernel.release", "7.0")
                .of("fork_flat", "vmas=16")
                .none("vmas", SampleStatus::fail, "fork_flat ended with signal 9 (Killed)")
                .report(),
            "0 values on 7.0\n\n"
            "FAILED fork_flat vmas=16 (objects): fork_flat ended with signal 9 (Killed)\n");
}

TEST(RunReport, LabelLongerThanItsColumnStandsOnALineOfItsOwn)
{
  const std::string text =
      Rows().of("a_workload", "with=arguments;that=are;much=too;long=really").times({20}).report();
  EXPECT_TRUE(has(text,
                  "\n  a_workload with=arguments that=are much=too long=really\n"
                  "                                                       20 "))
      << text;
}

TEST(RunReport, SmallValueIsNoZero)
{
  const std::string text =
      Rows().of("null", "").value("context_switches", 0.00042).value("page_faults", 0).report();
  EXPECT_TRUE(has(text, " 0.00042 ")) << text;
  EXPECT_TRUE(has(text, " 0 ")) << text;
}

TEST(RunReport, MissingValueIsNoZero)
{
  const std::string text = Rows().of("null", "").value("page_faults", 3).report();
  EXPECT_TRUE(has(text, "              -         3         -           -\n")) << text;
}

TEST(RunReport, ScaledCounterIsMarkedAndTheMarkExplained)
{
  const std::string text = Rows()
                               .of("null", "")
                               .value("kernel_cycles", 861'234, "", "scaled by time")
                               .value("kernel_instructions", 433)
                               .report();
  EXPECT_TRUE(has(text, " 861 234* ")) << text;
  EXPECT_TRUE(has(text, " 433 ")) << text;
  EXPECT_TRUE(has(text, "\n  * scaled by time\n")) << text;
}

TEST(RunReport, WaysOfTheSameStandSideBySide)
{
  Rows rows;
  rows.of("mremap_move", "pages=16;way=plain;align=page").value("instructions", 30'000);
  EXPECT_FALSE(has(rows.report(), "way by way"));
  rows.of("mremap_move", "pages=16;way=uffd;align=page").value("instructions", 41'000);
  rows.of("mremap_move", "pages=1;way=plain;align=page").value("instructions", 9'000);
  EXPECT_TRUE(has(rows.report(),
                  "\nway by way, guest instructions an operation       plain       uffd\n"
                  "  mremap_move pages=16 align=page                30 000     41 000\n"))
      << rows.report();
  EXPECT_FALSE(has(rows.report(), "pages=1 align=page  ")) << "nothing to compare it with";
}

TEST(RunReport, InstructionsHaveATableOfTheirOwn)
{
  EXPECT_TRUE(has(Rows().of("null", "").value("instructions", 6).report(),
                  "\nguest instructions an operation "));
}

TEST(RunReport, RatioToTheControlIsShownWhereThereIsOne)
{
  Rows rows;
  rows.of("contend_ww", "procs=2;op=fork;root=shared").times({300, 310, 320});
  EXPECT_FALSE(has(rows.report(), "one root or many"));
  rows.of("contend_ww", "procs=2;op=fork;root=private").times({150, 155, 160});
  EXPECT_TRUE(has(rows.report(),
                  "\n  contend_ww procs=2 op=fork                          "
                  "310          155     2.00\n"))
      << rows.report();
}

TEST(RunReport, ThroughputOfBothRootsStandsBelowTheirRatio)
{
  Rows rows;
  rows.of("contend_ww", "root=shared").times({300}).value("throughput", 3'333'333);
  rows.of("contend_ww", "root=private").times({150});
  EXPECT_FALSE(has(rows.report(), "operations/s")) << rows.report();
  rows.value("throughput", 6'666'667);
  EXPECT_TRUE(has(rows.report(),
                  " 2.00\n"
                  "      3 333 333 operations/s under one root, 6 666 667 under many\n"))
      << rows.report();
}

TEST(RunReport, RatioOfOverlappingRangesSaysSo)
{
  Rows rows;
  rows.of("contend_ww", "op=fork;root=shared").times({300, 310, 320});
  rows.of("contend_ww", "op=fork;root=private").times({150, 155, 300});
  EXPECT_TRUE(has(rows.report(), " 2.00  (ranges overlap)\n")) << rows.report();
}

TEST(RunReport, ReasonIsToldOnceForAllItsRows)
{
  Rows rows;
  for (const char* arguments : {"vmas=1", "vmas=4"})
    rows.of("fork_flat", arguments).none("slab_bytes", SampleStatus::skip, "needs root");
  EXPECT_TRUE(has(rows.report(), "not measured (2 rows): needs root\n  slab_bytes\n"))
      << rows.report();
}

}  // namespace
}  // namespace rmaplab
