// SPDX-License-Identifier: GPL-2.0-only
#include "reports/report.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{
namespace
{

const ReportContext kContext{.rmaplab_version = "1.0",
                             .command = "rmaplab compare debian:6.12.48 debian:7.0.13"};

Manifest manifest(const char* upstream, const char* compiler)
{
  const std::string release = std::string(upstream) + "+deb13-cloud-amd64";
  return {{"mode", "exact"},
          {"preset", "quick"},
          {"replicas", "3"},
          {"kernel.release", release},
          {"kernel.build_id", "0123456789abcdef0123456789abcdef01234567"},
          {"kernel.source", "linux-image-" + release + " " + upstream + "-1"},
          {"kernel.image_sha256", release},
          {"kernel.version", "Linux version " + release + " (debian-kernel@lists.debian.org) (" +
                                 compiler + ", GNU ld (GNU Binutils for Debian) 2.44) #1 SMP"},
          {"qemu.version", "7.2.22"},
          {"kernel.machine", "x86_64"},
          {"pin", "none"},
          {"guest.cpus", "0"},
          {"guest.page_size", "4096"},
          {"machine.accelerator", "icount"},
          {"machine.cpus", "1"},
          {"machine.cpu", "Nehalem-v2,-spec-ctrl"},
          {"machine.memory_mib", "2048"},
          {"guest.command_line",
           "console=ttyS0 panic=-1 oops=panic nokaslr slab_nomerge "
           "cryptomgr.notests mitigations=off"},
          {"item.fork_flat", "fork"},
          {"item.mremap_move", "mremap"}};
}

class Samples
{
 public:
  Samples& boots(const char* workload, const char* arguments, const char* metric,
                 const std::vector<double>& values)
  {
    int boot = 0;
    for (const double value : values)
      samples_.push_back({.boot = ++boot,
                          .workload = workload,
                          .arguments = arguments,
                          .metric = metric,
                          .value = value});
    return *this;
  }
  Samples& none(const char* workload, const char* arguments, const char* metric,
                SampleStatus status, const char* reason)
  {
    samples_.push_back({.boot = 1,
                        .workload = workload,
                        .arguments = arguments,
                        .metric = metric,
                        .status = status,
                        .reason = reason});
    return *this;
  }
  operator std::vector<Sample>() const { return samples_; }

 private:
  std::vector<Sample> samples_;
};

Run base_run()
{
  return {.manifest = manifest("6.12.48", "x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0"),
          .samples =
              Samples()
                  .boots("null", "", "instructions", {34, 34, 34})
                  .boots("fork_flat", "vmas=0", "instructions", {90'000, 90'100, 90'200})
                  .boots("fork_flat", "vmas=16", "instructions", {200'000, 200'400, 201'000})
                  .boots("fork_flat", "vmas=256", "instructions", {1'744'000, 1'745'000, 1'746'000})
                  .boots("mremap_move", "pages=512;align=page", "instructions",
                         {70'000, 70'010, 70'020})
                  .none("teardown", "vmas=1;way=exit;siblings=0", "instructions",
                        SampleStatus::fail, "ended with signal 11 (Segmentation fault)")
                  .none("fork_flat", "vmas=0", "wall_time", SampleStatus::skip,
                        "the exact lab's time is its count of instructions")
                  .boots("null", "", "process_vmas", {23, 23, 23})
                  .boots("fork_flat", "vmas=16", "vmas", {32, 32, 32})
                  .boots("fork_flat", "vmas=16", "slab_anon_vma_chain", {48, 48, 48}),
          .config = "CONFIG_HZ=250\nCONFIG_SLUB=y\n"};
}

Run head_run()
{
  return {.manifest = manifest("7.0.13", "x86_64-linux-gnu-gcc-15 (Debian 15.2.0-4) 15.2.0"),
          .samples =
              Samples()
                  .boots("null", "", "instructions", {34, 34, 34})
                  .boots("fork_flat", "vmas=0", "instructions", {90'010, 90'110, 90'190})
                  .boots("fork_flat", "vmas=16", "instructions", {190'000, 190'200, 190'900})
                  .boots("fork_flat", "vmas=256", "instructions", {1'844'000, 1'845'000, 1'846'000})
                  .boots("mremap_move", "pages=512;align=page", "instructions",
                         {70'000, 70'010, 70'020})
                  .boots("teardown", "vmas=1;way=exit;siblings=0", "instructions", {100})
                  .none("fork_flat", "vmas=0", "wall_time", SampleStatus::skip,
                        "the exact lab's time is its count of instructions")
                  .boots("null", "", "process_vmas", {23, 23, 23})
                  .boots("fork_flat", "vmas=16", "vmas", {32, 32, 32})
                  .boots("fork_flat", "vmas=16", "slab_anon_vma_chain", {16, 16, 16}),
          .config = "CONFIG_HZ=1000\nCONFIG_SLUB=y\nCONFIG_SLUB_SHEAVES=y\n"};
}

Run first_boot_of(Run run)
{
  std::erase_if(run.samples, [](const Sample& sample) { return sample.boot > 1; });
  run.manifest["replicas"] = "1";
  return run;
}

std::string report(const Run& base, const Run& head)
{
  return lkml_report(compare_runs(base, head), kContext);
}

// The report's lines joined, so that a sentence is found however it was wrapped.
std::string unwrapped(const std::string& text)
{
  std::string joined;
  for (const auto line : lines_of(text))
    joined += std::string(trim(line)) + " ";
  return joined;
}

void expect_fits_a_mail(const std::string& text)
{
  for (const auto line : lines_of(text)) {
    EXPECT_LE(line.size(), 75u) << line;
    for (const char c : line)
      EXPECT_TRUE(c >= ' ' && c <= '~') << line;
  }
}

TEST(LkmlReport, IsTheGoldenText)
{
  const auto golden = read_file(RMAPLAB_TEST_DIR "/reports/golden/lkml.txt");
  ASSERT_TRUE(golden) << to_string(golden.error());
  EXPECT_EQ(report(base_run(), head_run()), *golden);
}

TEST(LkmlReport, OneBootIsSaidAndHasNoBrackets)
{
  const std::string text = report(first_boot_of(base_run()), first_boot_of(head_run()));
  EXPECT_NE(text.find("boots: 1 a kernel\n"), std::string::npos);
  EXPECT_EQ(text.find('['), std::string::npos);
}

TEST(LkmlReport, EveryLineIsPrintableAsciiOfAtMost75Columns)
{
  expect_fits_a_mail(report(first_boot_of(base_run()), first_boot_of(head_run())));
}

TEST(LkmlReport, ChangeFromBootToBootIsInBrackets)
{
  EXPECT_NE(report(base_run(), head_run()).find("[-5.09, -5.00]\n"), std::string::npos);
}

TEST(LkmlReport, EveryLineWithBracketsFitsThe75Columns)
{
  expect_fits_a_mail(report(base_run(), head_run()));
}

TEST(LkmlReport, WidestRowOfTheCatalogFitsThe75Columns)
{
  auto run = [](std::vector<double> values) {
    return rmaplab::Run{.samples = Samples().boots("teardown", "vmas=1024;way=munmap;siblings=16",
                                                   "instructions", values)};
  };
  expect_fits_a_mail(report(run({123'000'000, 124'000'000}), run({10'000'000, 11'000'000})));
}

Sample objects(double value, const char* site)
{
  return {.boot = 1,
          .workload = "fork_chain_exit",
          .arguments = "depth=16;vmas=10",
          .metric = "alloc_anon_vma_chain",
          .value = value,
          .site = site};
}

TEST(LkmlReport, ChangedObjectCountNamesTheFunctionsThatDiffer)
{
  const std::string text = report({.samples = {objects(1457, ""), objects(1395, "anon_vma_clone"),
                                               objects(62, "anon_vma_fork")}},
                                  {.samples = {objects(1891, ""), objects(1395, "anon_vma_clone"),
                                               objects(496, "anon_vma_fork")}});
  EXPECT_NE(text.find("\n  depth=16 vmas=10                1 457       1 891   +29.8%\n"
                      "    in anon_vma_fork                 62         496\n"),
            std::string::npos)
      << text;
  EXPECT_EQ(text.find("anon_vma_clone"), std::string::npos);
  expect_fits_a_mail(text);
}

TEST(LkmlReport, FunctionThatOneKernelLacksIsNoRowNotMeasured)
{
  const std::string text = report({.samples = {objects(62, ""), objects(62, "dup_mmap")}},
                                  {.samples = {objects(62, ""), objects(62, "anon_vma_fork")}});
  EXPECT_EQ(text.find("not measured"), std::string::npos) << text;
  EXPECT_NE(text.find("identical in every case: alloc_anon_vma_chain (1)"), std::string::npos);
}

TEST(LkmlReport, VariantOfTheCloneIsSaid)
{
  const Manifest base = {{"kernel.anon_vma_clone_gfp", "GFP_NOWAIT"}};
  const Manifest head = {{"kernel.anon_vma_clone_gfp", "GFP_KERNEL"}};
  EXPECT_NE(report({.manifest = base}, {.manifest = head})
                .find("anon_vma_clone allocates with GFP_NOWAIT -> GFP_KERNEL\n"),
            std::string::npos);
  EXPECT_NE(report({.manifest = base}, {.manifest = base})
                .find("anon_vma_clone allocates with GFP_NOWAIT\n"),
            std::string::npos);
}

TEST(LkmlReport, RunAgainstItselfSaysNothingChanged)
{
  rmaplab::Run run = base_run();
  std::erase_if(run.samples,
                [](const Sample& sample) { return sample.status == SampleStatus::fail; });
  EXPECT_NE(report(run, run).find("\nNothing changed.\n"), std::string::npos);
}

TEST(LkmlReport, RunWithAFailureDoesNotSayNothingChanged)
{
  EXPECT_EQ(report(base_run(), base_run()).find("Nothing changed."), std::string::npos);
}

TEST(LkmlReport, NoisyRunAgainstItselfDoesNotSayNothingChanged)
{
  const rmaplab::Run run{.samples = Samples().boots("fork_flat", "vmas=16", "wall_time", {5, 6})};
  EXPECT_EQ(report(run, run).find("Nothing changed."), std::string::npos);
}

TEST(LkmlReport, FailedRowIsShownWithItsReason)
{
  EXPECT_NE(unwrapped(report(base_run(), head_run()))
                .find("FAILED teardown vmas=1;way=exit;siblings=0: ended with signal 11 "
                      "(Segmentation fault)"),
            std::string::npos);
}

TEST(LkmlReport, SkippedRowsOfOneReasonAreCounted)
{
  EXPECT_NE(unwrapped(report(base_run(), head_run()))
                .find("not measured (1 row): wall_time: the exact lab's time is its count of "
                      "instructions"),
            std::string::npos);
}

TEST(LkmlReport, IncomparableRunsAreWarnedOf)
{
  rmaplab::Run head = head_run();
  head.manifest["machine.memory_mib"] = "4096";
  EXPECT_NE(
      report(base_run(), head).find("\nWARNING: runs differ in machine.memory_mib: 2048 -> 4096\n"),
      std::string::npos);
}

TEST(LkmlReport, ComparableRunsAreNotWarnedOf)
{
  EXPECT_EQ(report(base_run(), head_run()).find("WARNING: runs differ"), std::string::npos);
}

TEST(LkmlReport, SameImageNeedsNoConfig)
{
  rmaplab::Run run = base_run();
  run.config.clear();
  EXPECT_NE(report(run, run).find("\nconfig: the same image\n"), std::string::npos);
}

TEST(LkmlReport, SideWithoutAConfigIsNamed)
{
  rmaplab::Run base = base_run();
  rmaplab::Run head = head_run();
  base.manifest["kernel.config_sha256"] = "ab";
  head.config.clear();
  EXPECT_NE(report(base, head).find("\nconfig: not compared, the head came without one\n"),
            std::string::npos);
}

TEST(LkmlReport, CommandThatRepeatsItIsGiven)
{
  EXPECT_NE(unwrapped(report(base_run(), head_run()))
                .find("rmaplab 1.0; repeat with: rmaplab compare debian:6.12.48 debian:7.0.13 "),
            std::string::npos);
}

}  // namespace
}  // namespace rmaplab
