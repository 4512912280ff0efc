// SPDX-License-Identifier: GPL-2.0-only
// Which calls of a recorded program made its VMAs, and why neighbours among them are not one:
// `rmaplab trace why`. From the trace alone, by replay/vma_model.h, and held to the kernel's own
// counts where the trace has them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/vma_apart.h"
#include "replay/trace_io.h"

namespace rmaplab
{

// VMAs of the model, all address spaces together: bounds its memory to some GB.
inline constexpr std::uint64_t kMaxModelVmas = 4'000'000;

struct WhyOptions {
  std::uint32_t process = 0;  // 0: the one with most VMAs
  std::uint64_t line = 0;     // of the trace, the moment right after it; 0: when it has most
  std::optional<std::uint64_t> time_ns;  // since the first row; the last row up to then
};

struct TraceWhy {
  std::string trace;
  std::uint32_t process = 0;
  std::uint64_t line = 0;
  std::uint64_t time_ns = 0;
  std::string event;  // of that line
  std::vector<VmaLook> vmas;
  std::vector<VmaClass> makers;
  ApartSummary apart;
  std::int64_t kernel_count = -1;  // there; -1: not in the trace
  std::uint64_t model_count = 0;
  // Over all of the trace: calls with the kernel's count, and those after which the model had it.
  std::uint64_t compared = 0;
  std::uint64_t equal = 0;
  std::uint64_t first_apart = 0;  // line; 0: none
  std::int64_t first_apart_kernel = 0;
  std::int64_t first_apart_model = 0;
  bool faults_known = false;
  bool names_in_use = false;
  bool older_rule = false;  // of before 6.16, which fits the counts better
  std::uint64_t lost = 0;   // events, by the recorder
};

// Opens the trace anew for each pass over it.
using TraceOpener = std::function<Result<TraceReader>()>;
// Errc::parse for what is no valid trace, Errc::usage where there is no such process or moment.
Result<TraceWhy> explain_trace(const TraceOpener& open, const WhyOptions& options);
Result<TraceWhy> explain_trace(const std::filesystem::path& path, const WhyOptions& options);
// At most 25 lines of at most 75 columns, the first is the answer.
std::string to_text(const TraceWhy& why);

}  // namespace rmaplab
