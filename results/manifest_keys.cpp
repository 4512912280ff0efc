// SPDX-License-Identifier: GPL-2.0-only
#include "results/manifest_keys.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace rmaplab
{

std::string to_string(Agreement agreement)
{
  switch (agreement) {
    case Agreement::none:
      return "-";
    case Agreement::told:
      return "told";
    case Agreement::told_if_hundredth:
      return "told beyond 1 %";
    case Agreement::required:
      return "required";
    case Agreement::required_of_hosts:
      return "required of hosts";
  }
  return "-";
}

const std::vector<ManifestKeys>& manifest_keys()
{
  static const std::vector<ManifestKeys> keys = {
      {.keys = "run,start,command,rmaplab.version",
       .meaning = "id, UTC time, command line, version and commit"},
      {.keys = "mode,preset",
       .agreement = Agreement::required,
       .meaning = "exact, smp or host; quick or full"},
      {.keys = "replicas", .meaning = "boots of this kernel"},
      {.keys = "pin",
       .agreement = Agreement::required,
       .meaning = "CPUs of the workload's processes: none, one or spread"},
      {.keys = "plan.boots,plan.cases.*",
       .meaning = "boots planned; cases of boot N by pass, as its runner planned them (\"bare=57 "
                  "state=57\"): what a reader holds the rows to"},
      {.keys = "samples.rows,samples.crc32",
       .meaning = "rows of samples.csv; its CRC-32 as gzip and zlib have it. A file that does not "
                  "fit is refused. Runs from before these keys are read, with a warning"},
      {.keys = "boots.order,boots.seed",
       .meaning = "smp mode: the kernel's place in each block of boots, and what they were drawn "
                  "with"},
      {.keys = "trace.*",
       .agreement = Agreement::required,
       .meaning = "of each recorded program that was replayed: its SHA-256"},
      {.keys = "workload.*",
       .agreement = Agreement::required,
       .meaning = "version of each workload measured"},
      {.keys = "item.*", .meaning = "what one operation of each workload is"},
      {.keys = "kernel.spec,kernel.source,kernel.series",
       .meaning = "as asked for; package and version, or path; patches that were applied or taken "
                  "off"},
      {.keys = "kernel.config_otherwise",
       .meaning =
           "of a kernel made with a whole configuration by `kernel build`: how much of it came "
           "out otherwise, and what"},
      {.keys = "kernel.machine",
       .agreement = Agreement::required,
       .meaning = "as uname(2) says it: x86_64, aarch64"},
      {.keys = "kernel.release,kernel.version,kernel.build_id",
       .meaning = "as the kernel says itself"},
      {.keys = "kernel.tainted",
       .agreement = Agreement::told,
       .meaning = "its taint flags, a number (Documentation/admin-guide/tainted-kernels.rst)"},
      {.keys = "kernel.image_sha256,kernel.config_sha256",
       .meaning = "of the files; the latter empty without a config"},
      {.keys = "kernel.code_address,kernel.code_bytes",
       .meaning = "where the kernel's code begins and how long it is, as an exact guest says: what "
                  "a symbol table is held to"},
      {.keys = "kernel.anon_vma_clone_gfp",
       .meaning = "flags with which `anon_vma_clone` allocates AVCs, as the kernel's events print "
                  "them: which variant of it this kernel has"},
      {.keys = "functions.plugin_api,functions.symbols",
       .meaning = "with `--functions`: the version of QEMU's plugin interface that was used; where "
                  "the names of functions come from (System.map or kallsyms) and the SHA-256 of "
                  "that text"},
      {.keys = "qemu.version,machine.*",
       .agreement = Agreement::required,
       .meaning = "the virtual machine: cpu, cpus, memory_mib, accelerator"},
      {.keys = "guest.command_line,guest.cpus,guest.page_size",
       .agreement = Agreement::required,
       .meaning = "as the measured kernel sees its machine: its command line, the CPUs that are "
                  "online, bytes of a page"},
      {.keys = "guest.memory_kib",
       .agreement = Agreement::told_if_hundredth,
       .meaning = "MemTotal; a kernel takes some for itself"},
      {.keys = "guest.nodes,guest.smt,guest.thp,guest.ksm_run,guest.max_map_count,guest.overcommit,"
               "guest.clocksource,guest.governor",
       .agreement = Agreement::told,
       .meaning = "how its machine was set"},
      {.keys = "guest.cpu", .meaning = "model of its CPU"},
      {.keys = "host.cpu",
       .agreement = Agreement::required_of_hosts,
       .meaning = "CPU of the machine in host mode"},
      {.keys = "host.boot_id",
       .meaning =
           "in host mode, /proc/sys/kernel/random/boot_id: runs of one boot count as one boot"},
      {.keys = "counters.source,counters.reach",
       .meaning = "what the hardware counters were read through; whose events the counters are"},
      {.keys = "probe.*",
       .meaning =
           "`works`, `partly` or `no`, then how or why not, then what would help; found after "
           "the cases of the first replica; `probe.ticks_of_1000_instructions` is the exact "
           "lab's check of its clock"},
      {.keys = "kernel_log.lost",
       .meaning = "records of the log that were overwritten before they were read: complaints may "
                  "have been among them"},
      {.keys = "kernel_log.boot",
       .meaning = "complaints of the guest's kernel before its first case; no failure of the run"},
      {.keys = "failure.*", .meaning = "one line a boot that did not finish"},
  };
  return keys;
}

Agreement agreement_on(const std::string& key)
{
  const auto row = std::find_if(manifest_keys().begin(), manifest_keys().end(),
                                [&](const ManifestKeys& one) { return glob_match(one.keys, key); });
  return row == manifest_keys().end() ? Agreement::none : row->agreement;
}

std::string manifest_keys_markdown()
{
  std::string text = "| key | two runs must agree | meaning |\n|---|---|---|\n";
  for (const auto& row : manifest_keys()) {
    std::string keys;
    for (const char c : row.keys)
      keys += c == ',' ? ", " : c == '*' ? "\\*" : std::string(1, c);
    text += fmt::format("| {} | {} | {} |\n", keys, to_string(row.agreement), row.meaning);
  }
  return text;
}

}  // namespace rmaplab
