// SPDX-License-Identifier: GPL-2.0-only
#include "probes/machine_facts.h"

#include <elf.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/files.h"
#include "base/text.h"

namespace rmaplab
{

std::string build_id_of_notes(std::string_view notes)
{
  constexpr std::uint32_t kGnuBuildId = 3;  // NT_GNU_BUILD_ID
  auto padded = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
  while (notes.size() >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr head;
    std::memcpy(&head, notes.data(), sizeof head);
    notes.remove_prefix(sizeof head);
    const std::size_t name_bytes = padded(head.n_namesz);
    const std::size_t value_bytes = padded(head.n_descsz);
    if (notes.size() < name_bytes || notes.size() - name_bytes < head.n_descsz)
      return {};
    if (head.n_type == kGnuBuildId && notes.substr(0, 3) == "GNU")
      return hex(notes.substr(name_bytes, head.n_descsz));
    notes.remove_prefix(std::min(notes.size(), name_bytes + value_bytes));
  }
  return {};
}

std::string cpu_model(const std::string& root)
{
  const auto text = read_file(root + "/proc/cpuinfo");
  if (!text)
    return {};
  for (const auto line : lines_of(*text)) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos)
      continue;
    const auto key = trim(line.substr(0, colon));
    if (key == "model name" || key == "CPU part")  // x86, arm64
      return std::string(trim(line.substr(colon + 1)));
  }
  return {};
}

std::map<std::string, std::string> machine_facts(const std::string& root)
{
  std::map<std::string, std::string> facts;
  auto take = [&](const std::string& key, const std::string& path) {
    const auto text = read_file(root + path);
    if (text && !trim(*text).empty())
      facts[key] = trim(*text);
  };
  struct utsname names = {};
  if (::uname(&names) == 0) {
    facts["kernel.release"] = names.release;
    facts["kernel.machine"] = names.machine;
  }
  take("kernel.version", "/proc/version");
  take("kernel.tainted", "/proc/sys/kernel/tainted");
  take("guest.command_line", "/proc/cmdline");
  take("guest.clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
  take("guest.cpus", "/sys/devices/system/cpu/online");
  take("guest.nodes", "/sys/devices/system/node/online");
  take("guest.smt", "/sys/devices/system/cpu/smt/control");
  take("guest.governor", "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  take("guest.thp", "/sys/kernel/mm/transparent_hugepage/enabled");
  take("guest.ksm_run", "/sys/kernel/mm/ksm/run");
  take("guest.max_map_count", "/proc/sys/vm/max_map_count");
  take("guest.overcommit", "/proc/sys/vm/overcommit_memory");
  if (const auto notes = read_file(root + "/sys/kernel/notes"))
    if (const std::string id = build_id_of_notes(*notes); !id.empty())
      facts["kernel.build_id"] = id;
  if (const std::string model = cpu_model(root); !model.empty())
    facts["guest.cpu"] = model;
  if (const auto memory = read_file(root + "/proc/meminfo"))
    if (const auto words = split_blanks(std::string_view(*memory).substr(0, memory->find('\n')));
        words.size() >= 2)
      facts["guest.memory_kib"] = words[1];
  facts["guest.page_size"] = std::to_string(::sysconf(_SC_PAGESIZE));
  return facts;
}

}  // namespace rmaplab
