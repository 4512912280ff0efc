// SPDX-License-Identifier: GPL-2.0-only
#include "cli/object_rules.h"

#include "probes/kallsyms.h"
#include "probes/object_events.h"

namespace rmaplab
{

// Which functions allocate what, by the names they have had since 6.7; inlined ones leave
// their callers, which are in the list too.
Result<ObjectRules> object_rules()
{
  const auto symbols = Kallsyms::read("/proc");
  if (!symbols)
    return symbols.error();
  ObjectRules rules;
  for (const char* name : {"vm_area_alloc", "vm_area_dup", "__anon_vma_prepare", "anon_vma_prepare",
                           "anon_vma_clone", "anon_vma_fork", "anon_vma_alloc"})
    for (const auto& range : symbols->ranges_of(name))
      rules.functions.push_back({.begin = range.begin,
                                 .end = range.end,
                                 .is_vma = std::string_view(name).substr(0, 3) == "vm_"});
  const auto caches = read_rmap_caches("/sys");
  for (std::size_t i = 0; i < caches.size() && i < 3; ++i) {
    if (caches[i].object_size == 0)
      return Error{.code = Errc::unsupported,
                   .context = "no /sys/kernel/slab/" + caches[i].name + "/object_size"};
    rules.object_bytes[i] = static_cast<std::uint32_t>(caches[i].object_size);
  }
  if (rules.functions.empty() || rules.functions.size() > 8 || caches.size() != 3 ||
      rules.object_bytes[1] == rules.object_bytes[2])
    return Error{.code = Errc::unsupported,
                 .context = "this kernel's allocations cannot be told apart"};
  return rules;
}

}  // namespace rmaplab
