// SPDX-License-Identifier: GPL-2.0-only
// From the raw records of the recorder to a trace: puts them in the order in which they took
// effect, numbers processes, threads and files in order of appearance, drops pids, device and
// inode numbers. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "base/result.h"
#include "replay/trace.h"

namespace rmaplab
{

struct AssembleOptions {
  std::string kernel;
  std::string machine;
  std::string command;
  std::uint32_t page_size = 4096;
  std::uint64_t lost = 0;
  bool objects = false;  // whether allocations were counted
  std::map<std::string, std::string> settings;
  std::map<std::string, std::uint64_t> seen;
  std::string ended;  // why the recorder ended it; "": it did not
};

// `records` are those of replay/record_event.h, one after the other. Records of threads whose
// birth was lost are dropped and counted as lost as well. Errc::parse for what is no record.
Result<Trace> assemble(std::span<const std::byte> records, const AssembleOptions& options);

}  // namespace rmaplab
