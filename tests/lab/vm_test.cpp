// SPDX-License-Identifier: GPL-2.0-only
#include "lab/vm.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/files.h"

namespace rmaplab
{
namespace
{

// A "QEMU" that is a shell script; $console is the file it was told to write the console to.
BootReport boot(const std::string& script, int hang_timeout_s, int limit_s = 600)
{
  const auto folder = TempDir::create("rmaplab-test-");
  const auto qemu = folder->path() / "qemu";
  EXPECT_TRUE(write_file(qemu,
                         "#!/bin/sh\nfor word; do case $word in file:*console*) "
                         "console=${word#file:};; esac; done\n" +
                             script));
  std::filesystem::permissions(qemu, std::filesystem::perms::owner_all);
  auto vm = Vm::start({.qemu = qemu, .console = "console=ttyS0"}, {}, "", hang_timeout_s, limit_s);
  EXPECT_TRUE(vm) << to_string(vm.error());
  while (!vm->step())
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return vm->take_report();
}

TEST(Vm, AKernelThatOnlyReportsItsLockupHangs)
{
  const BootReport report = boot(
      "while :; do echo 'watchdog: BUG: soft lockup - CPU#0 stuck for 26s!' >>$console; "
      "sleep 0.02; done\n",
      600);
  EXPECT_EQ(report.outcome, BootOutcome::hung);
  EXPECT_EQ(report.reason, "\"BUG: soft lockup\" 3 times, and no record");
}

TEST(Vm, AKernelWithOneSerialLineIsSaidToHaveOne)
{
  const std::string garbage = "echo noise >>$(dirname $console)/channel.bin; sleep 60\n";
  const BootReport two = boot(garbage, 600);
  EXPECT_EQ(two.outcome, BootOutcome::garbled);
  EXPECT_EQ(two.reason.find("serial line"), std::string::npos) << two.reason;
  const BootReport one =
      boot("echo 'Serial: 8250/16550 driver, 1 ports, IRQ sharing disabled' >>$console\n" + garbage,
           600);
  EXPECT_EQ(one.outcome, BootOutcome::garbled);
  EXPECT_NE(one.reason.find("this kernel drives one serial line"), std::string::npos) << one.reason;
}

TEST(Vm, AConsoleWithoutAnEndIsEnded)
{
  const BootReport report = boot("yes 'all is well' >>$console\n", 600);
  EXPECT_EQ(report.outcome, BootOutcome::hung);
  EXPECT_EQ(report.reason, "wrote more than 64 MiB to its console");
}

TEST(Vm, ABootHasALimitHoweverAliveItIs)
{
  const BootReport report = boot("while :; do echo alive >>$console; sleep 0.02; done\n", 600, 1);
  EXPECT_EQ(report.outcome, BootOutcome::hung);
  EXPECT_EQ(report.reason, "did not end within 1 s");
}

TEST(Vm, APanicIsNamedByItsLine)
{
  const BootReport report =
      boot("echo 'Kernel panic - not syncing: no init' >>$console; exit 0\n", 600);
  EXPECT_EQ(report.outcome, BootOutcome::panicked);
  EXPECT_NE(report.reason.find("not syncing: no init"), std::string::npos) << report.reason;
}

}  // namespace
}  // namespace rmaplab
