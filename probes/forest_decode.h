// SPDX-License-Identifier: GPL-2.0-only
// From the records of the BPF program to a Forest: kernel addresses become numbers. Pure.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "probes/forest.h"

namespace rmaplab
{

class ForestDecoder
{
 public:
  ForestDecoder(std::string kernel, std::uint64_t page_bytes);
  // `records`: probes/forest_record.h. Errc::parse when they are cut off, of an unknown
  // kind, or name no anon_vma where there must be one.
  Result<> add(ForestProcess process, std::string_view records);
  Forest finish() &&;

 private:
  AnonVmaId id_of(std::uint64_t address);

  Forest forest_;
  std::unordered_map<std::uint64_t, AnonVmaId> ids_;
};

}  // namespace rmaplab
