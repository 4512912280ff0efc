// SPDX-License-Identifier: GPL-2.0-only
#include "probes/forest_reader.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "base/libbpf_words.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "probes/forest_decode.h"
#include "probes/process_tree.h"

// The compiled program, part of this object file. The names are global: of local ones the
// assembler for arm64 makes offsets into .rodata, which its table of addresses (GOT) has no
// room for, and the program would end where it begins.
asm(".pushsection .rodata\n"
    ".balign 8\n"
    ".globl rmaplab_forest_bpf_begin, rmaplab_forest_bpf_end\n"
    ".hidden rmaplab_forest_bpf_begin, rmaplab_forest_bpf_end\n"
    "rmaplab_forest_bpf_begin:\n"
    ".incbin \"" RMAPLAB_FOREST_BPF
    "\"\n"
    "rmaplab_forest_bpf_end:\n"
    ".popsection\n");
extern "C" const char rmaplab_forest_bpf_begin[];
extern "C" const char rmaplab_forest_bpf_end[];

namespace rmaplab
{

namespace
{

constexpr const char* kBtf = "/sys/kernel/btf/vmlinux";

Refusal refusal_now(int error)
{
  return explain_refusal({.error = error,
                          .btf = ::access(kBtf, F_OK) == 0,
                          .may_load = has_capability(CAP_SYS_ADMIN) ||
                                      (has_capability(CAP_BPF) && has_capability(CAP_PERFMON)),
                          .libbpf_says = last_libbpf_words()});
}

Error to_error(const Refusal& refusal)
{
  return {.code = Errc::unsupported,
          .context = refusal.reason + (refusal.remedy.empty() ? "" : "; " + refusal.remedy)};
}

struct Loaded {
  struct bpf_object* object = nullptr;
  int error = 0;  // errno
};

Loaded load()
{
  libbpf_listen();
  struct bpf_object_open_opts options = {};
  options.sz = sizeof options;
  options.object_name = "rmaplab_forest";
  const auto size = static_cast<std::size_t>(rmaplab_forest_bpf_end - rmaplab_forest_bpf_begin);
  struct bpf_object* object = ::bpf_object__open_mem(rmaplab_forest_bpf_begin, size, &options);
  if (!object)
    return {.error = errno};
  if (const int result = ::bpf_object__load(object); result < 0) {
    ::bpf_object__close(object);
    return {.error = -result};
  }
  return {.object = object};
}

struct DestroyLink {
  void operator()(struct bpf_link* link) const { ::bpf_link__destroy(link); }
};

Error gone(pid_t pid)
{
  return {.code = Errc::os, .context = fmt::format("process {}", pid), .sys_errno = ESRCH};
}

// The process as it was before its VMAs were read; gone when it no longer has any.
Result<ProcessStat> living(pid_t pid)
{
  auto stat = read_process_stat("/proc", pid);
  if (stat && (stat->state == 'Z' || stat->state == 'X'))
    return gone(pid);
  return stat;
}

}  // namespace

Refusal explain_refusal(const BpfSurroundings& around)
{
  const std::string said = around.libbpf_says.empty() ? "" : " (" + around.libbpf_says + ")";
  if (around.error == ENOSYS)
    return {"this kernel has no bpf()", "a kernel with CONFIG_BPF_SYSCALL"};
  if ((around.error == EPERM || around.error == EACCES) && !around.may_load)
    return {"loading a BPF tracing program takes CAP_BPF and CAP_PERFMON", "run it as root"};
  // Of the helpers the program calls, lockdown takes this one away (kernel/bpf/helpers.c,
  // LOCKDOWN_BPF_READ_KERNEL); /sys/kernel/security is not mounted everywhere.
  if (around.libbpf_says.find("bpf_probe_read") != std::string::npos)
    return {"the kernel is locked down (confidentiality): BPF may not read its memory",
            "boot without lockdown=confidentiality"};
  if (around.error == EPERM)  // EACCES is the verifier's
    return {"the kernel refuses BPF although we have the capabilities",
            "outside a container or user namespace it may work"};
  if (!around.btf)
    return {"this kernel does not describe its structures: no /sys/kernel/btf/vmlinux",
            "a kernel with CONFIG_DEBUG_INFO_BTF"};
  if (around.error == ESRCH)
    return {"this kernel has no BPF iterator over VMAs (iter/task_vma)" + said, "a newer kernel"};
  return {to_string({.context = "the kernel refuses the BPF program", .sys_errno = around.error}) +
              said,
          ""};
}

void ForestReader::Close::operator()(struct bpf_object* object) const
{
  ::bpf_object__close(object);
}

ForestReader::ForestReader(struct bpf_object* object)
    : object_(object), program_(::bpf_object__find_program_by_name(object, "forest_vma"))
{
}

Result<ForestReader> ForestReader::open()
{
  const Loaded loaded = load();
  if (!loaded.object)
    return to_error(refusal_now(loaded.error));
  return ForestReader(loaded.object);
}

Result<std::string> ForestReader::records_of(pid_t pid) const
{
  // Not `.tid`: there the kernel, asked on after the last VMA, gives the last buffer again
  // for ever (kernel/bpf/task_iter.c, task_vma_seq_get_next(); seen on 6.18).
  union bpf_iter_link_info process = {};
  process.task.pid = static_cast<__u32>(pid);
  struct bpf_iter_attach_opts options = {};
  options.sz = sizeof options;
  options.link_info = &process;
  options.link_info_len = sizeof process;
  const std::unique_ptr<struct bpf_link, DestroyLink> link(
      ::bpf_program__attach_iter(program_, &options));
  if (!link) {
    Error error = os_error("attach the BPF iterator over VMAs");
    if (error.sys_errno == E2BIG || error.sys_errno == EINVAL)
      error = {.code = Errc::unsupported,
               .context =
                   "this kernel's BPF iterator over VMAs cannot be told one process; "
                   "a newer kernel"};
    return error;
  }
  const UniqueFd fd(::bpf_iter_create(::bpf_link__fd(link.get())));
  if (!fd)
    return os_error("create the BPF iterator over VMAs");
  std::string records;
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got == 0)
      return records;
    if (got > 0)
      records.append(buffer, static_cast<std::size_t>(got));
    else if (errno != EINTR && errno != EAGAIN)
      return os_error(fmt::format("read the VMAs of process {}", pid));
  }
}

Result<Forest> ForestReader::read(std::span<const pid_t> pids) const
{
  struct utsname names = {};
  ::uname(&names);
  ForestDecoder decoder(names.release, static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  for (const pid_t pid : pids) {
    const auto before = living(pid);
    if (!before)
      return before.error();
    const auto records = records_of(pid);
    if (!records)
      return records.error();
    // It may have ended under the reader, which sees that as a process with fewer VMAs.
    const auto after = living(pid);
    if (!after)
      return after.error();
    if (after->start_ticks != before->start_ticks)
      return gone(pid);
    if (auto added =
            decoder.add({.pid = pid, .ppid = before->ppid, .comm = before->comm}, *records);
        !added)
      return added.error();
  }
  return std::move(decoder).finish();
}

Capability forest_capability()
{
  Capability capability{.probe = "anon_vma forest", .state = Capability::State::not_here};
  const Loaded loaded = load();
  if (!loaded.object) {
    Refusal refusal = refusal_now(loaded.error);
    capability.reason = std::move(refusal.reason);
    capability.remedy = std::move(refusal.remedy);
    return capability;
  }
  const pid_t self = ::getpid();
  const auto forest = ForestReader(loaded.object).read({&self, 1});
  if (!forest) {
    capability.reason = to_string(forest.error());
    return capability;
  }
  capability.state = Capability::State::works;
  capability.reason = "BPF iterator over VMAs, structures from the kernel's BTF";
  if (!summarise(*forest).reuse_candidates) {
    capability.state = Capability::State::partly;
    capability.reason = "this kernel's anon_vma has no num_children and num_active_vmas";
  }
  return capability;
}

}  // namespace rmaplab
