// SPDX-License-Identifier: GPL-2.0-only
// doctor: what this machine, or a kernel in the lab, can measure, and what it would
// need for the rest.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/process.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "cli/commands.h"
#include "lab/architecture.h"
#include "lab/debian_archive.h"
#include "lab/kernel_build.h"
#include "lab/qemu.h"
#include "results/wire.h"

namespace rmaplab
{

namespace
{

struct DoctorOptions : LabCommandOptions {
  std::string kernel_spec;
};

constexpr std::size_t kColumns = 96;
constexpr std::size_t kIndent = 36;

// Words of `text` in lines that begin at column kIndent; the first one has its place.
std::string wrapped(const std::string& text)
{
  std::string out;
  std::size_t column = kIndent;
  for (const auto word : split_blanks(text)) {
    if (column > kIndent && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(kIndent, ' ');
      column = kIndent;
    } else if (column > kIndent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

void line(std::ostream& out, const std::string& what, const std::string& state,
          const std::string& text)
{
  out << fmt::format("  {:<25} {:<7} {}\n", what, state, wrapped(text));
}

void line(std::ostream& out, const std::string& what, bool works, const std::string& text)
{
  line(out, what, std::string(works ? "works" : "no"), text);
}

// The probes of a manifest, in the order they were found in.
void print_probes(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& facts)
{
  constexpr std::string_view kProbe = "probe.";
  for (const auto& [key, value] : facts) {
    if (key.rfind(kProbe, 0) != 0)
      continue;
    const auto colon = value.find(": ");
    const std::string_view rest = std::string_view(value).substr(colon + 2);
    const auto remedy = rest.find("; to have it: ");
    std::string name = key.substr(kProbe.size());
    if (name.rfind("slab_", 0) == 0)
      name[4] = ' ';
    else
      std::replace(name.begin(), name.end(), '_', ' ');
    line(out, name, value.substr(0, colon), std::string(rest.substr(0, remedy)));
    if (remedy != std::string_view::npos)
      out << fmt::format("  {:<25} {:<7} {}\n", "", "",
                         wrapped("to have it: " + std::string(rest.substr(remedy + 14))));
  }
}

using Facts = std::vector<std::pair<std::string, std::string>>;

void take_facts(const std::vector<Record>& records, Facts& facts)
{
  for (const Record& record : records)
    if (record.kind == "env")
      if (const auto equals = record.payload.find('='); equals != std::string::npos)
        facts.emplace_back(record.payload.substr(0, equals), record.payload.substr(equals + 1));
}

// What the runner finds when it tries each probe here.
Result<Facts> probe_this_machine()
{
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0)
    return os_error("pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  auto runner = Child::spawn({.argv = {program_directory() / "rmaplab-runner", "doctor"},
                              .stdout_fd = write_end.get(),
                              .own_group = true});
  if (!runner)
    return runner.error();
  write_end.reset();
  RecordReader reader;
  Facts facts;
  for (;;) {
    if (interrupted())
      return Error{.code = Errc::interrupted, .context = "interrupted"};
    std::vector<Record> records;
    const auto more = reader.read_some(read_end.get(), 200, records);
    if (!more)
      return more.error();
    take_facts(records, facts);
    if (!*more)
      break;
  }
  if (!reader.ended())
    return Error{.code = Errc::os, .context = "the runner ended before its last record"};
  return facts;
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

bool print_lab(std::ostream& out, const char* machine_name, long cpus)
{
  out << "\nlab (`rmaplab ab`, `rmaplab lab run`): kernels in QEMU\n";
  const auto machine = machine_for(machine_name);
  const auto qemu = machine ? qemu_version(*machine) : Result<std::string>(machine.error());
  line(out, "exact mode", static_cast<bool>(qemu),
       qemu ? fmt::format("QEMU {} TCG with icount, {} guests at a time", *qemu, cpus)
            : to_string(qemu.error()));
  const bool kvm = ::access("/dev/kvm", R_OK | W_OK) == 0;
  line(out, "smp mode", static_cast<bool>(qemu),
       !qemu ? to_string(qemu.error())
       : kvm ? "TCG; /dev/kvm is there and will be tried with a boot"
             : "TCG; no access to /dev/kvm");
  for (const auto& name : architecture_names()) {
    const auto foreign = find_architecture(name);
    if (!foreign || foreign->machine == machine_name)
      continue;
    const auto guest = machine_for(foreign->machine);
    const auto foreign_qemu = guest ? qemu_version(*guest) : Result<std::string>(guest.error());
    const auto build = guest_build(*foreign);
    line(out, "guests of " + name, foreign_qemu && build,
         !foreign_qemu ? to_string(foreign_qemu.error())
         : !build      ? to_string(build.error())
                       : fmt::format("QEMU {}, --arch {}", *foreign_qemu, name));
  }
  const bool apt = find_program("apt-get") && find_program("dpkg-deb");
  line(out, "debian:VERSION", apt,
       apt ? fmt::format("through apt; {} kernels fetched",
                         list_cached_kernels(host_architecture()).size())
           : "needs apt-get and dpkg-deb; give an image or a build tree instead");
  const auto tools = check_build_tools(host_architecture());
  line(out, "kernel build", static_cast<bool>(tools),
       tools ? "kernels from source, with a series or without" : to_string(tools.error()));
  line(out, "cache", true,
       fmt::format("{}, {}", cache_directory().string(), free_space(cache_directory())));
  return static_cast<bool>(qemu);
}

int doctor_here(std::ostream& out)
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
  line(out, "instructions", false, "not on the host: counted in the exact lab");
  if (runner) {
    out << std::flush;
    const auto facts = probe_this_machine();
    if (!facts)
      return complain(facts.error());
    print_probes(out, *facts);
  }
  return print_lab(out, names.machine, cpus) && runner ? kDone : kCheckFailed;
}

int doctor_of_kernel(DoctorOptions& opt, std::ostream& out)
{
  Screen screen;
  const Notify notify = screen.notify();
  const auto kernel = find_kernel(opt.kernel_spec, opt.kernel, notify);
  if (!kernel)
    return complain(kernel.error());
  opt.lab.replicas = 1;
  const auto measured = measure_kernels(
      {*kernel}, opt.lab, [](int) { return GuestCommand{.arguments = {"doctor"}}; }, notify,
      [&](const BootProgress& progress) {
        screen.show(progress.fraction, progress.running.empty() ? "" : progress.running[0]);
      });
  if (!measured)
    return complain(measured.error());
  const KernelRun& run = measured->front();
  if (run.interrupted) {
    screen.note("interrupted");
    return kInterrupted;
  }
  for (const auto& failure : run.failures)
    screen.note(failure);
  if (!run.failed_console.empty())
    screen.note("end of its console:\n" + run.failed_console);
  if (!run.failures.empty())
    return kCheckFailed;
  if (!run.output.empty())
    screen.note("guest says: " + run.output);
  out << fmt::format("{} in the lab ({} mode, QEMU {}, CPU {})\n\n",
                     manifest_value(run.manifest, "kernel.release"), opt.lab.mode,
                     manifest_value(run.manifest, "qemu.version"),
                     manifest_value(run.manifest, "machine.cpu"));
  print_probes(out, Facts(run.manifest.begin(), run.manifest.end()));
  return run.guest_status == 0 ? kDone : kCheckFailed;
}

}  // namespace

void add_doctor(CLI::App& app, int& exit_status)
{
  auto opt = std::make_shared<DoctorOptions>();
  auto* cmd = app.add_subcommand("doctor", "what this machine can measure, and why not the rest");
  cmd->add_option("--kernel", opt->kernel_spec,
                  "the same for a kernel in the lab: debian:VERSION, an image, a build tree");
  add_lab_options(*cmd, *opt);
  cmd->callback([opt, &exit_status] {
    exit_status =
        opt->kernel_spec.empty() ? doctor_here(std::cout) : doctor_of_kernel(*opt, std::cout);
  });
}

}  // namespace rmaplab
