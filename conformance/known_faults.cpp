// SPDX-License-Identifier: GPL-2.0-only
#include "conformance/known_faults.h"

#include <fmt/format.h>

#include "base/text.h"

namespace rmaplab
{

const std::vector<KnownFault>& known_faults()
{
  static const std::vector<KnownFault> faults = {
      {.checks = "merge/move_home_*,reach/home_*",
       .told = "and no anon_vma",
       .commit = "61f67c230a5e",
       .subject = "mm/vma: fix anon_vma UAF on mremap() faulted, unfaulted merge",
       .since = "6.16",
       .mended = "6.18.9, 6.19"},
      {.checks = "merge/move_home_*,reach/home_*",
       .told = "by no walk of the reverse mapping",
       .commit = "61f67c230a5e",
       .subject = "mm/vma: fix anon_vma UAF on mremap() faulted, unfaulted merge",
       .since = "6.16",
       .mended = "6.18.9, 6.19"},
      {.checks = "reach/home_*",
       .told = "stays on node",
       .commit = "61f67c230a5e",
       .subject = "mm/vma: fix anon_vma UAF on mremap() faulted, unfaulted merge",
       .since = "6.16",
       .mended = "6.18.9, 6.19"},
      {.checks = "reach/home_*",
       .told = "was not paged out",
       .commit = "61f67c230a5e",
       .subject = "mm/vma: fix anon_vma UAF on mremap() faulted, unfaulted merge",
       .since = "6.16",
       .mended = "6.18.9, 6.19"},
      {.checks = "merge/move_home_*/*",
       .told = "3b617fd3d317",
       .commit = "3b617fd3d317",
       .subject = "mm/vma: enforce VMA fork limit on unfaulted,faulted mremap merge too",
       .since = "6.16",
       .mended = "6.18.9, 6.19"},
  };
  return faults;
}

const KnownFault* find_known_fault(const std::string& check, std::string_view text)
{
  for (const KnownFault& fault : known_faults())
    if (glob_match(fault.checks, check) && text.find(fault.told) != std::string_view::npos)
      return &fault;
  return nullptr;
}

std::string describe(const KnownFault& fault)
{
  return fmt::format("known: since Linux {}, mended by commit {} (\"{}\") in {}\n", fault.since,
                     fault.commit, fault.subject, fault.mended);
}

}  // namespace rmaplab
