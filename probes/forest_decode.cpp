// SPDX-License-Identifier: GPL-2.0-only
#include "probes/forest_decode.h"

#include <fmt/format.h>

#include <cstring>

#include "probes/forest_record.h"

namespace rmaplab
{

namespace
{

// The low bits of vm_flags (include/linux/mm.h), as fs/proc/task_mmu.c prints them.
std::string perms_of(std::uint64_t flags)
{
  return {(flags & 1) != 0 ? 'r' : '-', (flags & 2) != 0 ? 'w' : '-', (flags & 4) != 0 ? 'x' : '-',
          (flags & 8) != 0 ? 's' : 'p'};
}

template <typename Record>
bool take(std::string_view& records, Record& record)
{
  if (records.size() < sizeof record)
    return false;
  std::memcpy(&record, records.data(), sizeof record);
  records.remove_prefix(sizeof record);
  return true;
}

}  // namespace

ForestDecoder::ForestDecoder(std::string kernel, std::uint64_t page_bytes)
    : forest_{.kernel = std::move(kernel), .page_bytes = page_bytes}
{
}

AnonVmaId ForestDecoder::id_of(std::uint64_t address)
{
  const auto next = static_cast<AnonVmaId>(forest_.anon_vmas.size() + 1);
  const auto [known, fresh] = ids_.emplace(address, next);
  if (fresh)
    forest_.anon_vmas.emplace_back();
  return known->second;
}

Result<> ForestDecoder::add(ForestProcess process, std::string_view records)
{
  const auto reject = [&](const std::string& what) {
    return Error{.code = Errc::parse,
                 .context = fmt::format("forest records of process {}: {}", process.pid, what)};
  };
  std::optional<std::uint64_t> first_thread;
  bool repeated = false;
  while (!records.empty()) {
    unsigned kind = 0;
    if (records.size() < sizeof kind)
      return reject("cut off");
    std::memcpy(&kind, records.data(), sizeof kind);
    if (kind == kForestVma) {
      ForestVmaRecord record;
      if (!take(records, record))
        return reject("cut off");
      // A thread with a file table of its own brings the VMAs once more.
      repeated = first_thread.value_or(record.thread) != record.thread;
      if (repeated)
        continue;
      first_thread = record.thread;
      if (record.mapping > kForestSpecial)
        return reject(fmt::format("mapping {}", record.mapping));
      ForestVma vma{.start = record.start,
                    .end = record.end,
                    .perms = perms_of(record.flags),
                    .pgoff = record.pgoff,
                    .mapping = record.mapping == kForestAnon   ? Mapping::anon
                               : record.mapping == kForestFile ? Mapping::file
                                                               : Mapping::special};
      if (record.anon_vma != 0)
        vma.anon_vma = id_of(record.anon_vma);
      process.vmas.push_back(std::move(vma));
      continue;
    }
    if (kind != kForestAvc && kind != kForestTruncated)
      return reject(fmt::format("kind {}", kind));
    ForestAvcRecord record;
    if (!take(records, record))
      return reject("cut off");
    if (repeated)
      continue;
    if (process.vmas.empty())
      return reject("an AVC before any VMA");
    if (kind == kForestTruncated) {
      process.vmas.back().truncated = true;
      continue;
    }
    if (record.anon_vma == 0 || record.root == 0 || record.parent == 0)
      return reject(
          fmt::format("VMA {:x}: its chain changed under the reader", process.vmas.back().start));
    const AnonVmaId id = id_of(record.anon_vma);
    const auto if_there = [&](unsigned bit, std::uint64_t value) {
      return (record.has & bit) != 0 ? std::optional(value) : std::nullopt;
    };
    const AnonVma read{.root = id_of(record.root),
                       .parent = id_of(record.parent),
                       .num_children = if_there(kForestHasNumChildren, record.num_children),
                       .num_active_vmas = if_there(kForestHasNumActiveVmas, record.num_active_vmas),
                       .refcount = if_there(kForestHasRefcount, record.refcount)};
    forest_.anon_vmas[id - 1] = read;  // the last reading of one that many VMAs share
    process.vmas.back().chain.push_back(id);
  }
  forest_.processes.push_back(std::move(process));
  return ok();
}

Forest ForestDecoder::finish() &&
{
  return renumbered(std::move(forest_));
}

}  // namespace rmaplab
