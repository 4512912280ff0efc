// SPDX-License-Identifier: GPL-2.0-only
#include "lab/qemu.h"

#include <fmt/format.h>

#include "base/process.h"
#include "base/text.h"
#include "lab/architecture.h"

namespace rmaplab
{

namespace
{

// Repeatable and comparable: no address randomisation of the kernel's own, no slab
// merging (a cache is its own line of slabinfo), no self-tests of the crypto code in
// the first seconds, no random stack offset at syscall entry, no mitigations (the
// model of CPU would choose them), no pages that move between the nodes by themselves,
// an oops is a panic.
constexpr const char* kRepeatable =
    "panic=-1 oops=panic nokaslr slab_nomerge cryptomgr.notests mitigations=off "
    "randomize_kstack_offset=off transparent_hugepage=never numa_balancing=disable";

// Of a PC with one CPU under icount. To calibrate the timer of its local APIC the kernel waits a
// tenth of a second, and another bit to see that interrupts arrive, both in a loop with PAUSE; TCG
// leaves its code at each, which was four fifths of the CPU time of a boot. Without that timer
// the tick is the HPET's.
constexpr const char* kUncalibrated = " nolapic_timer no_timer_check";

// Two nodes, so that pages have somewhere to move: QEMU's own, in the firmware's tables,
// since Debian's kernels lack NUMA_EMU (numa=fake=2). All CPUs and three quarters of the
// memory are node 0: what does not ask for the other one stays there.
void add_nodes(std::vector<std::string>& argv, const BootSpec& spec)
{
  const int second = spec.memory_mib / 4;
  const int sizes[] = {spec.memory_mib - second, second};
  for (int node = 0; node < 2; ++node) {
    argv.insert(argv.end(), {"-object", fmt::format("memory-backend-ram,id=memory{},size={}M", node,
                                                    sizes[node])});
    argv.insert(argv.end(),
                {"-numa", fmt::format("node,nodeid={0},memdev=memory{0}{1}", node,
                                      node == 0 ? fmt::format(",cpus=0-{}", spec.cpus - 1) : "")});
  }
}

}  // namespace

Result<Machine> machine_for(std::string_view architecture)
{
  const auto known = find_architecture(architecture);
  if (!known)
    return known.error();
  if (known->name == "amd64")
    // Nehalem-v2 has neither ERMS (with it a cleared page is 4107 instructions) nor
    // AVX, and boots every kernel from 6.12 to 7.2 under TCG. Counted features that
    // TCG lacks are switched off by name, or QEMU warns.
    return Machine{.qemu = "qemu-system-x86_64",
                   .package = "qemu-system-x86",
                   .cpu = "Nehalem-v2,-spec-ctrl",
                   .arguments = "",
                   .console = "console=ttyS0",
                   .kernel_args = kRepeatable,
                   .one_cpu_icount_args = kUncalibrated,
                   .channel = ""};
  // Its PMU counts cycles and, under icount, instructions; all else is refused, where a
  // Neoverse N1 has stalls that read 0. Of the models that are like it, this one has
  // PAPI's presets (7.0; that has none for the N1 and does not know max, Cortex-A72 and
  // A76). At 1 GHz the system counter counts instructions as the time-stamp counter of a
  // PC does; QEMU's 62.5 MHz would count sixteenths. The normal world has one serial
  // line (QEMU 9.1 and later: two), so the results take a PCI one, whose driver is built
  // into Debian's kernels. The default interrupt controller ends at eight CPUs.
  return Machine{.qemu = "qemu-system-aarch64",
                 .package = "qemu-system-arm",
                 .cpu = "cortex-a57,cntfrq=1000000000",
                 .arguments = "-M virt,gic-version=3",
                 .console = "console=ttyAMA0",
                 .kernel_args = kRepeatable,
                 .one_cpu_icount_args = "",
                 .channel = "pci-serial"};
}

std::string option_value(const std::string& text)
{
  std::string value;
  for (const char c : text)
    value += c == ',' ? ",," : std::string(1, c);
  return value;
}

std::string kernel_command_line(const Machine& machine, const BootSpec& spec)
{
  std::string line = machine.console + " " + machine.kernel_args;
  if (spec.accelerator == Accelerator::icount && spec.cpus == 1)
    line += machine.one_cpu_icount_args;
  if (!spec.extra_kernel_args.empty())
    line += " " + spec.extra_kernel_args;
  return line;
}

std::vector<std::string> qemu_arguments(const Machine& machine, const BootSpec& spec)
{
  std::vector<std::string> argv = {machine.qemu, "-nodefaults", "-nographic", "-no-reboot"};
  auto add = [&](const std::string& flag, const std::string& value) {
    argv.push_back(flag);
    argv.push_back(value);
  };
  switch (spec.accelerator) {
    case Accelerator::icount:
      add("-accel", "tcg,thread=single");
      add("-icount", "shift=0,sleep=off");
      // Without these two the guest sees the host's time and random numbers.
      add("-rtc", "base=2026-01-01,clock=vm");
      add("-seed", fmt::format("{}", spec.replica));
      break;
    case Accelerator::tcg:
      add("-accel", "tcg,thread=multi");
      break;
    case Accelerator::kvm:
      add("-accel", "kvm");
      break;
  }
  add("-cpu", spec.accelerator == Accelerator::kvm ? "host" : machine.cpu);
  add("-smp", fmt::format("{}", spec.cpus));
  add("-m", fmt::format("{}M", spec.memory_mib));
  add_nodes(argv, spec);
  for (const auto word : split_blanks(machine.arguments))
    argv.emplace_back(word);
  add("-serial", "file:" + spec.console.string());
  if (machine.channel.empty()) {
    add("-serial", "file:" + spec.channel.string());
  } else {
    add("-chardev", "file,id=results,path=" + option_value(spec.channel));
    add("-device", machine.channel + ",chardev=results");
  }
  if (!spec.function_plugin.empty())
    add("-plugin",
        fmt::format("file={},symbols={},output={}", option_value(spec.function_plugin),
                    option_value(spec.function_symbols), option_value(spec.function_counts)));
  add("-kernel", spec.kernel);
  add("-initrd", spec.initramfs);
  add("-append", kernel_command_line(machine, spec));
  return argv;
}

Result<std::string> qemu_version(const Machine& machine)
{
  if (!find_program(machine.qemu))
    return Error{
        .code = Errc::unsupported,
        .context = fmt::format("{} is not installed (Debian: {})", machine.qemu, machine.package)};
  auto output = ask_program({.argv = {machine.qemu, "--version"}});
  if (!output)
    return output.error();
  const auto words = split_blanks(lines_of(output->out).empty() ? "" : lines_of(output->out)[0]);
  if (words.size() < 4)  // "QEMU emulator version 7.2.22 (Debian ...)"
    return Error{.code = Errc::unsupported, .context = machine.qemu + " does not say its version"};
  return std::string(words[3]);
}

}  // namespace rmaplab
