// SPDX-License-Identifier: GPL-2.0-only
#include "session/walker_capabilities.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/text.h"
#include "workloads/arena.h"
#include "workloads/reach.h"
#include "workloads/swap_space.h"

namespace rmaplab
{

namespace
{

// What the oracle says of one fresh page.
Result<> try_on_a_page(Result<> (*oracle)(char*, std::size_t))
{
  void* const mapped = ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (mapped == MAP_FAILED)
    return os_error("map a page");
  const auto found = oracle(static_cast<char*>(mapped), 1);
  ::munmap(mapped, page_size());
  return found;
}

Capability absent(Capability capability, const std::string& reason, const std::string& remedy)
{
  capability.state = Capability::State::not_here;
  capability.reason = reason;
  capability.remedy = remedy;
  return capability;
}

}  // namespace

Capability numa_capability()
{
  const Capability here{.probe = "numa nodes", .reason = "a page moved to another node and back"};
  const auto moved = try_on_a_page(migrate_there_and_back);
  return moved ? here
               : absent(here, to_string(moved.error()),
                        "the lab's guests have two nodes; numa=fake=2 with CONFIG_NUMA_EMU");
}

Capability swap_capability()
{
  const bool active = swap_free_kib() > 0;
  const Capability here{.probe = "swap",
                        .reason = active ? "active; a page went out and came in"
                                         : "a RAM disk while a workload asks for it; a page went "
                                           "out and came in"};
  const auto swap = SwapSpace::enable();
  const auto swapped = swap ? try_on_a_page(page_out_and_in) : Result<>(swap.error());
  return swapped ? here
                 : absent(here, to_string(swapped.error()),
                          "swapon, or a guest of the lab whose kernel has a RAM disk "
                          "(CONFIG_BLK_DEV_RAM; debian:6.12 and 7.2 have)");
}

Capability ksm_capability(const std::string& sys_root)
{
  const Capability here{.probe = "ksm", .reason = "pages that are alike can be merged"};
  const std::string run = sys_root + "/kernel/mm/ksm/run";
  if (::access(run.c_str(), F_OK) != 0)
    return absent(here, "no " + run, "CONFIG_KSM=y");
  if (::access(run.c_str(), W_OK) != 0)
    return absent(here, run + " cannot be written", "root, outside of a container");
  return here;
}

Capability memory_reclaim_capability(std::string_view mounts)
{
  const Capability here{.probe = "memory.reclaim",
                        .reason = "a cgroup of a workload's own can be reclaimed from"};
  for (const auto line : lines_of(mounts)) {
    const auto words = split_blanks(line);  // "none /sys/fs/cgroup cgroup2 rw 0 0"
    if (words.size() < 3 || words[2] != "cgroup2")
      continue;
    const std::filesystem::path cgroup =
        std::filesystem::path(words[1]) / fmt::format("rmaplab-{}", ::getpid());
    if (::mkdir(cgroup.c_str(), 0755) != 0)
      return absent(here, to_string(os_error("make a cgroup in " + std::string(words[1]))), "root");
    const bool found = ::access((cgroup / "memory.reclaim").c_str(), W_OK) == 0;
    ::rmdir(cgroup.c_str());
    return found ? here
                 : absent(here, "a cgroup in " + std::string(words[1]) + " has no memory.reclaim",
                          "memory in its cgroup.subtree_control, not on cgroup v1; Linux 5.19");
  }
  return absent(here, "no cgroup2 is mounted", "mount -t cgroup2 none /sys/fs/cgroup");
}

}  // namespace rmaplab
