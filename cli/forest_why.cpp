// SPDX-License-Identifier: GPL-2.0-only
#include "cli/forest_why.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "base/text.h"
#include "probes/forest_reader.h"
#include "probes/process_tree.h"

namespace rmaplab
{

std::string forest_why_text(pid_t pid, const std::string& comm, const VmaList& list,
                            std::uint64_t page_size, const std::string& note)
{
  const auto classes = classes_of(list.vmas);
  const ApartSummary apart = summarize_apart(list.vmas, page_size);
  std::string text = why_answer(classes, apart);
  text += fmt::format("process {} ({}) as it is; which call made a VMA: record, then trace why\n",
                      pid, comm);
  constexpr std::size_t kColumns = 75;
  std::size_t notes = 0;
  auto say = [&](const std::string& line) {
    text += line.substr(0, kColumns) + '\n';
    ++notes;
  };
  if (!note.empty())
    say("no anon_vma is known, that rule is left out: " + note);
  if (!list.policies_known)
    say("no numa_maps: policies (mbind) are not known");
  if (list.unknown_flags)
    say(fmt::format("{} flags of VmFlags are not known here, left out", list.unknown_flags));
  text += '\n' + class_table(classes, false, 6);
  return text + '\n' + apart_table(apart, (10 - notes) / 2);
}

Result<std::string> forest_why(pid_t pid)
{
  const auto stat = read_process_stat("/proc", pid);
  if (!stat)
    return stat.error();
  auto list = read_vma_list("/proc", pid);
  if (!list)
    return list.error();
  if (list->vmas.empty())
    return Error{.code = Errc::unsupported,
                 .context = fmt::format("process {} has no memory (a kernel thread?)", pid)};
  std::string note;
  const auto reader = ForestReader::open();
  if (!reader) {
    note = reader.error().context;
  } else {
    const std::array<pid_t, 1> pids = {pid};
    const auto forest = reader->read(pids);
    if (!forest)
      return forest.error();
    add_anon_vmas(*list, forest->processes.at(0));
  }
  return forest_why_text(pid, stat->comm, *list,
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)), note);
}

}  // namespace rmaplab
