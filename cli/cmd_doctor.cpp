// SPDX-License-Identifier: GPL-2.0-only
// doctor: what this machine can measure, and what it would need for the rest.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <iostream>

#include "base/files.h"
#include "base/process.h"
#include "cli/commands.h"
#include "lab/debian_archive.h"
#include "lab/qemu.h"
#include "probes/machine_facts.h"
#include "probes/slab.h"

namespace rmaplab
{

namespace
{

void line(std::ostream& out, const std::string& what, bool works, const std::string& text)
{
  out << fmt::format("  {:<22} {:<4} {}\n", what, works ? "yes" : "no", text);
}

std::string free_space(const std::filesystem::path& path)
{
  std::error_code error;
  auto existing = std::filesystem::absolute(path, error);
  while (!existing.empty() && !std::filesystem::exists(existing, error) &&
         existing != existing.parent_path())
    existing = existing.parent_path();
  const auto space = std::filesystem::space(existing, error);
  return error ? "unknown" : fmt::format("{} MiB free", space.available >> 20);
}

int run_doctor(std::ostream& out)
{
  struct utsname names = {};
  ::uname(&names);
  const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  out << fmt::format("{} on {} ({} CPUs, page size {})\n", names.release, names.machine, cpus,
                     ::sysconf(_SC_PAGESIZE));
  out << "\nhost mode (`rmaplab run`): the running kernel\n";
  const bool runner = find_program((program_directory() / "rmaplab-runner").string()).has_value();
  line(out, "workloads", runner,
       runner ? "all, as an ordinary user" : "rmaplab-runner is not beside this program: rebuild");
  line(out, "VMA counts", true, "/proc/PID/maps");
  const auto usage = read_slab_usage("/proc", "/sys", kRmapCaches);
  for (std::size_t i = 0; i < usage.size(); ++i)
    line(out, "slab " + kRmapCaches[i], static_cast<bool>(usage[i]),
         usage[i] ? "/proc/slabinfo, whole system" : to_string(usage[i].error()));
  line(out, "instructions", false, "not on the host: counted in the exact lab");

  out << "\nlab (`rmaplab ab`, `rmaplab lab run`): kernels in QEMU\n";
  const auto machine = machine_for(names.machine);
  const auto qemu = machine ? qemu_version(*machine) : Result<std::string>(machine.error());
  line(out, "exact mode", static_cast<bool>(qemu),
       qemu ? fmt::format("QEMU {} TCG with icount, {} guests at a time", *qemu, cpus)
            : to_string(qemu.error()));
  const bool kvm = ::access("/dev/kvm", R_OK | W_OK) == 0;
  line(out, "smp mode", static_cast<bool>(qemu),
       !qemu ? to_string(qemu.error())
       : kvm ? "TCG; /dev/kvm is there and will be tried with a boot"
             : "TCG; no access to /dev/kvm");
  const bool apt = find_program("apt-get") && find_program("dpkg-deb");
  line(out, "debian:VERSION", apt,
       apt ? fmt::format("through apt; {} kernels fetched",
                         list_cached_kernels(host_architecture()).size())
           : "needs apt-get and dpkg-deb; give an image or a build tree instead");
  line(out, "cache", true,
       fmt::format("{}, {}", cache_directory().string(), free_space(cache_directory())));
  return runner && qemu ? kDone : kCheckFailed;
}

}  // namespace

void add_doctor(CLI::App& app, int& exit_status)
{
  auto* cmd = app.add_subcommand("doctor", "what this machine can measure, and why not the rest");
  cmd->callback([&exit_status] { exit_status = run_doctor(std::cout); });
}

}  // namespace rmaplab
