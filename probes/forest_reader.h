// SPDX-License-Identifier: GPL-2.0-only
// Reads the anon_vma forest of live processes with a BPF iterator over their VMAs
// (probes/forest.bpf.c). Root, or CAP_BPF and CAP_PERFMON; the kernel needs BTF. The
// iterator sees every process of our pid namespace.
//
// Cost: loading 40 to 100 ms, once; reading takes each process's mmap_lock for reading and
// allocates in the kernel, so never in a timed pass or one that counts objects.
// Links libbpf, so it is a library of its own (CMake target rmap_forest_reader).
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "probes/capability.h"
#include "probes/forest.h"

struct bpf_object;
struct bpf_program;

namespace rmaplab
{

// What is looked at when the kernel refuses the program.
struct BpfSurroundings {
  int error = 0;  // errno of the refusal
  bool btf = false;
  bool may_load = false;    // CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN
  std::string libbpf_says;  // its last line
};
struct Refusal {
  std::string reason;
  std::string remedy;  // "" when we know of none
};
// Pure. kernel.unprivileged_bpf_disabled plays no part: it is about programs that need no
// capability, and a tracing program always does (kernel/bpf/syscall.c, bpf_prog_load()).
Refusal explain_refusal(const BpfSurroundings& around);

class ForestReader
{
 public:
  // Loads the program. Errc::unsupported with the reason and the remedy.
  static Result<ForestReader> open();
  ForestReader(ForestReader&&) = default;
  ForestReader& operator=(ForestReader&&) = delete;
  // The processes in this order. They should be at rest: a process is locked for some
  // hundred VMAs at a time only. Errc::os with ESRCH and the pid when one ends or has ended.
  Result<Forest> read(std::span<const pid_t> pids) const;

 private:
  friend Capability forest_capability();
  struct Close {
    void operator()(struct bpf_object* object) const;
  };
  explicit ForestReader(struct bpf_object* object);
  Result<std::string> records_of(pid_t pid) const;

  std::unique_ptr<struct bpf_object, Close> object_;
  struct bpf_program* program_;  // of object_
};

// Loads the program and reads this process with it.
Capability forest_capability();

}  // namespace rmaplab
