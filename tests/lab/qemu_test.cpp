// SPDX-License-Identifier: GPL-2.0-only
#include "lab/qemu.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace rmaplab
{
namespace
{

using Words = std::vector<std::string>;

const Machine kMachine{.qemu = "qemu-system-x86_64",
                       .cpu = "Nehalem-v2",
                       .arguments = "-device  virtio-rng",
                       .console = "console=ttyS0",
                       .kernel_args = "panic=-1"};
const Machine kWithMore = [] {
  Machine machine = kMachine;
  machine.one_cpu_icount_args = " nolapic_timer";
  return machine;
}();

// Values of every `flag`, in order.
Words values_of(const std::string& flag, const BootSpec& spec)
{
  Words values;
  const Words words = qemu_arguments(kMachine, spec);
  for (std::size_t i = 0; i + 1 < words.size(); ++i)
    if (words[i] == flag)
      values.push_back(words[i + 1]);
  return values;
}

TEST(Qemu, ProgramComesFirst)
{
  EXPECT_EQ(qemu_arguments(kMachine, {}).front(), "qemu-system-x86_64");
}

TEST(Qemu, CountingRunsOneThreadAndOneInstructionANanosecond)
{
  const BootSpec spec{.accelerator = Accelerator::icount};
  EXPECT_EQ(values_of("-accel", spec), (Words{"tcg,thread=single"}));
  EXPECT_EQ(values_of("-icount", spec), (Words{"shift=0,sleep=off"}));
}

TEST(Qemu, CountingGivesTheGuestAClockOfItsOwn)
{
  const Words rtc = values_of("-rtc", {.accelerator = Accelerator::icount});
  ASSERT_EQ(rtc.size(), 1u);
  EXPECT_NE(rtc[0].find("clock=vm"), std::string::npos);
  EXPECT_NE(rtc[0].find("base=2"), std::string::npos);
}

TEST(Qemu, CountingSeedsRandomNumbersWithTheReplica)
{
  EXPECT_EQ(values_of("-seed", {.accelerator = Accelerator::icount, .replica = 7}), (Words{"7"}));
}

TEST(Qemu, EmulationOfSeveralCpusRunsManyThreadsAndCountsNothing)
{
  const BootSpec spec{.accelerator = Accelerator::tcg};
  EXPECT_EQ(values_of("-accel", spec), (Words{"tcg,thread=multi"}));
  EXPECT_EQ(values_of("-icount", spec), Words{});
  EXPECT_EQ(values_of("-seed", spec), Words{});
}

TEST(Qemu, EmulationHasTheModelOfTheMachine)
{
  EXPECT_EQ(values_of("-cpu", {.accelerator = Accelerator::icount}), (Words{"Nehalem-v2"}));
  EXPECT_EQ(values_of("-cpu", {.accelerator = Accelerator::tcg}), (Words{"Nehalem-v2"}));
}

TEST(Qemu, KvmHasTheCpuOfTheHost)
{
  const BootSpec spec{.accelerator = Accelerator::kvm};
  EXPECT_EQ(values_of("-accel", spec), (Words{"kvm"}));
  EXPECT_EQ(values_of("-cpu", spec), (Words{"host"}));
}

TEST(Qemu, CpusAndMemoryAreThoseOfTheBoot)
{
  const BootSpec spec{.cpus = 4, .memory_mib = 512};
  EXPECT_EQ(values_of("-smp", spec), (Words{"4"}));
  EXPECT_EQ(values_of("-m", spec), (Words{"512M"}));
}

TEST(Qemu, AllCpusAndThreeQuartersOfTheMemoryAreNodeZero)
{
  const BootSpec spec{.cpus = 4, .memory_mib = 1022};
  EXPECT_EQ(values_of("-object", spec), (Words{"memory-backend-ram,id=memory0,size=767M",
                                               "memory-backend-ram,id=memory1,size=255M"}));
  EXPECT_EQ(values_of("-numa", spec),
            (Words{"node,nodeid=0,memdev=memory0,cpus=0-3", "node,nodeid=1,memdev=memory1"}));
}

TEST(Qemu, ConsoleIsTheFirstSerialLineAndResultsTheSecond)
{
  EXPECT_EQ(values_of("-serial", {.console = "/t/console", .channel = "/t/channel"}),
            (Words{"file:/t/console", "file:/t/channel"}));
}

TEST(Qemu, ResultsTakeADeviceOfTheirOwnWhereTheMachineHasNoSecondLine)
{
  Machine machine = kMachine;
  machine.channel = "pci-serial";
  const Words words =
      qemu_arguments(machine, {.console = "/t/console", .channel = "/t/a,b/channel"});
  auto has = [&](const std::string& flag, const std::string& value) {
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
      if (words[i] == flag && words[i + 1] == value)
        return true;
    return false;
  };
  EXPECT_EQ(std::count(words.begin(), words.end(), "-serial"), 1);
  EXPECT_TRUE(has("-chardev", "file,id=results,path=/t/a,,b/channel"));
  EXPECT_TRUE(has("-device", "pci-serial,chardev=results"));
}

TEST(Qemu, KernelInitramfsAndCommandLineAreHandedOver)
{
  const BootSpec spec{.kernel = "/k", .initramfs = "/i", .extra_kernel_args = "quiet"};
  EXPECT_EQ(values_of("-kernel", spec), (Words{"/k"}));
  EXPECT_EQ(values_of("-initrd", spec), (Words{"/i"}));
  EXPECT_EQ(values_of("-append", spec), (Words{"console=ttyS0 panic=-1 quiet"}));
}

TEST(Qemu, FurtherArgumentsOfTheMachineAreWordsOfTheirOwn)
{
  EXPECT_EQ(values_of("-device", {}), (Words{"virtio-rng"}));
}

TEST(Qemu, FunctionsAreCountedOnlyWhenThereIsAPlugin)
{
  EXPECT_EQ(values_of("-plugin", {}), Words());
  const BootSpec spec{.function_plugin = "/a,b/p.so",
                      .function_symbols = "/t/symbols.0",
                      .function_counts = "/t/functions.txt"};
  EXPECT_EQ(values_of("-plugin", spec),
            (Words{"file=/a,,b/p.so,symbols=/t/symbols.0,output=/t/functions.txt"}));
}

TEST(KernelCommandLine, HoldsTheConsole)
{
  EXPECT_EQ(kernel_command_line(kMachine, {}), "console=ttyS0 panic=-1");
}

TEST(KernelCommandLine, HasMoreOfOneCpuUnderIcount)
{
  EXPECT_EQ(kernel_command_line(kWithMore, {.cpus = 1}), "console=ttyS0 panic=-1 nolapic_timer");
  EXPECT_EQ(kernel_command_line(kWithMore, {.cpus = 2}), "console=ttyS0 panic=-1");
  EXPECT_EQ(kernel_command_line(kWithMore, {.accelerator = Accelerator::tcg}),
            "console=ttyS0 panic=-1");
}

TEST(KernelCommandLine, EndsWithTheAppendedWords)
{
  EXPECT_EQ(kernel_command_line(kMachine, {.extra_kernel_args = "slub_debug=FZ quiet"}),
            "console=ttyS0 panic=-1 slub_debug=FZ quiet");
}

TEST(KernelCommandLine, IsTheSameInEveryReplica)
{
  EXPECT_EQ(kernel_command_line(kMachine, {.replica = 1}),
            kernel_command_line(kMachine, {.replica = 2}));
}

TEST(MachineFor, X86PanicsOnAnOopsAndMergesNoSlabs)
{
  const auto machine = machine_for("x86_64");
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->qemu, "qemu-system-x86_64");
  for (const char* word :
       {"oops=panic", "panic=-1", "nokaslr", "slab_nomerge", "numa_balancing=disable"})
    EXPECT_NE((" " + machine->kernel_args + " ").find(std::string(" ") + word + " "),
              std::string::npos)
        << word;
}

TEST(MachineFor, Arm64CountsInstructionsWithItsSystemCounter)
{
  const auto machine = machine_for("aarch64");
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->qemu, "qemu-system-aarch64");
  EXPECT_NE(machine->cpu.find("cntfrq=1000000000"), std::string::npos);
  EXPECT_FALSE(machine->channel.empty());
}

TEST(MachineFor, DebiansNameIsAsGoodAsTheMachines)
{
  const auto one = machine_for("arm64");
  const auto other = machine_for("aarch64");
  ASSERT_TRUE(one && other);
  EXPECT_EQ(one->cpu, other->cpu);
}

TEST(MachineFor, UnknownArchitectureIsUnsupportedAndNamed)
{
  const auto machine = machine_for("vax");
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.error().code, Errc::unsupported);
  EXPECT_NE(machine.error().context.find("vax"), std::string::npos);
}

}  // namespace
}  // namespace rmaplab
