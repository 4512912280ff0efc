// SPDX-License-Identifier: GPL-2.0-only
// A trace summed up for a person: `rmaplab trace info`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/vma_curve.h"
#include "replay/trace.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

namespace rmaplab
{

struct TraceSummary {
  TraceHeader header;
  TraceNeeds needs;
  std::uint64_t rows = 0;
  std::uint64_t failed_calls = 0;
  std::uint64_t duration_ns = 0;  // to the last row
  std::uint64_t execs = 0;
  std::uint64_t shared_mm_forks = 0;  // vfork, posix_spawn
  std::uint32_t depth = 0;            // of the fork tree; 1: one process that never forked
  std::uint32_t fan_out = 0;          // most children of one process
  std::uint32_t fan_out_process = 0;
  std::uint32_t longest_process = 0;
  std::uint64_t longest_ns = 0;
  std::uint64_t moved = 0;  // mremap to another address
  std::uint64_t moved_pages = 0;
  std::uint64_t resized = 0;  // mremap that stayed
  std::uint64_t uffd_moved_pages = 0;
  std::uint64_t allocated[3] = {};  // vm_area_struct, anon_vma, anon_vma_chain
  bool allocations_known = false;
  // Of the process with the most VMAs, and of all that live, an address space that several
  // share counted for each of them. Nothing where the trace has no counts.
  std::uint32_t curve_process = 0;
  std::vector<CurvePoint> process_curve;
  std::vector<CurvePoint> sum_curve;
};

// Validates on the way, in memory that does not grow with the rows.
Result<TraceSummary> summarize_trace(TraceReader reader, HugePages huge_pages = HugePages::advised);
Result<TraceSummary> summarize_trace(const std::filesystem::path& path,
                                     HugePages huge_pages = HugePages::advised);
std::string to_text(const TraceSummary& summary);
// "mbind 3, mseal 1": what the recorder saw and the trace does not have; "" where nothing.
std::string seen_text(const TraceHeader& header);
// A curve as `height` lines of `width` columns, each column the highest count of its part of
// the time, with the scale at its left.
std::string draw_curve(const std::vector<CurvePoint>& points, std::size_t width,
                       std::size_t height);

}  // namespace rmaplab
