// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_info.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace rmaplab
{

namespace
{

constexpr std::size_t kCurvePoints = 128;
constexpr std::size_t kCurveWidth = 64;
constexpr std::size_t kCurveHeight = 8;
constexpr std::size_t kMostFilesShown = 20;

struct LiveProcess {
  std::uint64_t born_ns = 0;
  std::uint32_t depth = 1;
  std::uint32_t children = 0;
  std::int32_t vmas = -1;
  std::optional<VmaCurve> curve;
};

// Rows that a TraceValidator has let pass.
class Summing
{
 public:
  explicit Summing(std::uint64_t page_size) : page_size_(page_size), sum_curve_(kCurvePoints) {}

  void add(TraceRow row)
  {
    // Times may step back between CPUs; those of a curve and of lives do not.
    row.time_ns = summary_.duration_ns = std::max(summary_.duration_ns, row.time_ns);
    if (++summary_.rows == 1) {
      live_[row.process].born_ns = row.time_ns;
      summary_.depth = 1;
    }
    LiveProcess& process = live_[row.process];
    if (shape_of(row.event).columns & bit(TraceColumn::result) && row.result < 0)
      ++summary_.failed_calls;
    count(row, process);
    if (row.vmas >= 0)
      count_vmas(row, process, row.vmas);
    if (row.event == TraceEvent::exit)
      end(row);
  }

  TraceSummary finish()
  {
    while (!live_.empty())
      end({.time_ns = summary_.duration_ns, .process = live_.begin()->first});
    summary_.process_curve = best_curve_;
    summary_.sum_curve = sum_curve_.points();
    return summary_;
  }

 private:
  void count(const TraceRow& row, const LiveProcess& process)
  {
    const auto result = static_cast<std::uint64_t>(row.result);
    switch (row.event) {
      case TraceEvent::exec:
        ++summary_.execs;
        break;
      case TraceEvent::fork:
        if (row.result > 0)
          born(row, process.depth + 1);
        break;
      case TraceEvent::mremap:
        if (row.result >= 0 && result == row.address)
          ++summary_.resized;
        if (row.result >= 0 && result != row.address) {
          ++summary_.moved;
          summary_.moved_pages += row.length / page_size_;
        }
        break;
      case TraceEvent::uffd_move:
        if (row.result > 0)
          summary_.uffd_moved_pages += result / page_size_;
        break;
      case TraceEvent::alloc_vm_area_struct:
      case TraceEvent::alloc_anon_vma:
      case TraceEvent::alloc_anon_vma_chain:
        summary_.allocations_known = true;
        summary_.allocated[static_cast<unsigned>(row.event) -
                           static_cast<unsigned>(TraceEvent::alloc_vm_area_struct)] += result;
        break;
      default:
        break;
    }
  }

  void born(const TraceRow& row, std::uint32_t depth)
  {
    LiveProcess& parent = live_[row.process];
    if (++parent.children > summary_.fan_out) {
      summary_.fan_out = parent.children;
      summary_.fan_out_process = row.process;
    }
    if (row.flags == 1)
      ++summary_.shared_mm_forks;
    summary_.depth = std::max(summary_.depth, depth);
    const std::int32_t vmas = row.vmas >= 0 ? row.vmas : parent.vmas;
    const auto child = static_cast<std::uint32_t>(row.result);
    LiveProcess& process = live_[child];
    process.born_ns = row.time_ns;
    process.depth = depth;
    if (vmas >= 0)
      count_vmas({.time_ns = row.time_ns, .process = child}, process, vmas);
  }

  void count_vmas(const TraceRow& row, LiveProcess& process, std::int32_t vmas)
  {
    sum_ += static_cast<std::uint64_t>(vmas - std::max(process.vmas, 0));
    process.vmas = vmas;
    if (!process.curve)
      process.curve.emplace(kCurvePoints);
    process.curve->add({.at = row.time_ns, .count = static_cast<std::uint64_t>(vmas)});
    sum_curve_.add({.at = row.time_ns, .count = sum_});
  }

  void end(const TraceRow& row)
  {
    const auto at = live_.find(row.process);
    const LiveProcess& process = at->second;
    const std::uint64_t lived = row.time_ns - process.born_ns;
    if (summary_.longest_process == 0 || lived > summary_.longest_ns) {
      summary_.longest_process = row.process;
      summary_.longest_ns = lived;
    }
    if (process.curve && process.curve->peak().count > best_peak_) {
      best_peak_ = process.curve->peak().count;
      best_curve_ = process.curve->points();
      summary_.curve_process = row.process;
    }
    if (process.vmas > 0) {
      sum_ -= static_cast<std::uint64_t>(process.vmas);
      sum_curve_.add({.at = row.time_ns, .count = sum_});
    }
    live_.erase(at);
  }

  std::uint64_t page_size_;
  TraceSummary summary_;
  std::map<std::uint32_t, LiveProcess> live_;
  std::uint64_t sum_ = 0;
  VmaCurve sum_curve_;
  std::uint64_t best_peak_ = 0;
  std::vector<CurvePoint> best_curve_;
};

std::string count_text(std::uint64_t count)
{
  return grouped(static_cast<double>(count));
}

std::string seconds_text(std::uint64_t ns)
{
  if (ns < 1'000'000)
    return fmt::format("{:.3f} us", static_cast<double>(ns) * 1e-3);
  return fmt::format("{:.3f} s", static_cast<double>(ns) * 1e-9);
}

std::string line(const std::string& label, const std::string& value)
{
  return fmt::format("{:<16}{}\n", label, value);
}

std::string events_text(const TraceSummary& summary, TraceEvent first, TraceEvent last)
{
  std::string text;
  for (auto i = static_cast<std::size_t>(first); i <= static_cast<std::size_t>(last); ++i)
    if (const std::uint64_t count = summary.needs.rows_by_event[i])
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ",
                          to_string(static_cast<TraceEvent>(i)), count_text(count));
  return text.empty() ? "none" : text;
}

std::string pages_text(std::uint64_t pages, std::uint64_t page_size)
{
  const auto bytes = static_cast<double>(pages * page_size);
  constexpr double kMiB = 1 << 20;
  const std::string size =
      bytes < kMiB ? fmt::format("{} KiB", bytes / 1024) : fmt::format("{:.1f} MiB", bytes / kMiB);
  return fmt::format("{} page{} ({})", count_text(pages), pages == 1 ? "" : "s", size);
}

double mebibytes(std::uint64_t bytes)
{
  return static_cast<double>(bytes) / (1 << 20);
}

std::string header_text(const TraceHeader& header)
{
  std::string text = line("command", header.command);
  text += line("kernel", header.kernel + " " + header.machine);
  text += line("page size", std::to_string(header.page_size));
  std::string whole = header.complete ? "to the end of the program" : "ended before the program";
  if (header.lost > 0)
    whole += fmt::format("; {} events LOST", count_text(header.lost));
  text += line("recorded", whole);
  if (!header.ended.empty())
    text += line("", header.ended);
  if (const std::string seen = seen_text(header); !seen.empty())
    text += line("not recorded", seen);
  for (const auto& [name, value] : header.settings)
    text += line(&name == &header.settings.begin()->first ? "settings" : "", name + " " + value);
  if (!header.note.empty())
    text += line("note", header.note);
  std::size_t shown = 0;
  for (const auto& [number, name] : header.files) {
    if (++shown > kMostFilesShown) {
      text += line("", fmt::format("... and {} more files", header.files.size() - kMostFilesShown));
      break;
    }
    text += line(fmt::format("file {}", number), name);
  }
  return text;
}

}  // namespace

std::string seen_text(const TraceHeader& header)
{
  std::string text;
  for (const auto& [name, count] : header.seen)
    if (count > 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, count_text(count));
  return text;
}

std::string draw_curve(const std::vector<CurvePoint>& points, std::size_t width, std::size_t height)
{
  if (points.empty() || width == 0 || height == 0)
    return "";
  const std::uint64_t begin = points.front().at;
  const std::uint64_t span = std::max<std::uint64_t>(points.back().at - begin, 1);
  // What no point falls into is as the point before it left it.
  std::vector<std::uint64_t> columns(width, 0);
  std::vector<bool> known(width, false);
  std::vector<std::uint64_t> last(width, 0);
  for (const CurvePoint& point : points) {
    const auto at =
        std::min(width - 1,
                 static_cast<std::size_t>(static_cast<double>(point.at - begin) /
                                          static_cast<double>(span) * static_cast<double>(width)));
    columns[at] = std::max(columns[at], point.count);
    last[at] = point.count;
    known[at] = true;
  }
  for (std::size_t i = 1; i < width; ++i)
    if (!known[i])
      columns[i] = last[i] = last[i - 1];
  const std::uint64_t peak =
      std::max<std::uint64_t>(*std::max_element(columns.begin(), columns.end()), 1);
  const std::size_t margin = std::to_string(peak).size();
  std::string text;
  for (std::size_t row = height; row >= 1; --row) {
    const std::string scale = row == height ? std::to_string(peak) : row == 1 ? "0" : "";
    std::string drawn = fmt::format("{:>{}} |", scale, margin);
    for (const std::uint64_t count : columns) {
      // At least one step where there is anything.
      const double steps =
          static_cast<double>(count) / static_cast<double>(peak) * static_cast<double>(height);
      const bool filled = steps >= static_cast<double>(row) - 0.5 || (row == 1 && count > 0);
      drawn += filled ? '#' : ' ';
    }
    drawn.erase(drawn.find_last_not_of(' ') + 1);
    text += drawn + '\n';
  }
  return text;
}

Result<TraceSummary> summarize_trace(TraceReader reader, HugePages huge_pages)
{
  TraceValidator validator(reader.name(), reader.header(), huge_pages);
  Summing summing(reader.header().page_size);
  const auto read = each_row(reader, [&](const TraceRow& row, std::uint64_t line) {
    if (auto good = validator.add(row, line); !good)
      return Result<>(good.error());
    summing.add(row);
    return ok();
  });
  if (!read)
    return read.error();
  auto needs = validator.finish();
  if (!needs)
    return needs.error();
  TraceSummary summary = summing.finish();
  summary.header = reader.header();
  summary.needs = *std::move(needs);
  return summary;
}

Result<TraceSummary> summarize_trace(const std::filesystem::path& path, HugePages huge_pages)
{
  auto reader = TraceReader::open(path);
  if (!reader)
    return reader.error();
  return summarize_trace(*std::move(reader), huge_pages);
}

std::string to_text(const TraceSummary& summary)
{
  const TraceNeeds& needs = summary.needs;
  const std::uint64_t page_size = summary.header.page_size;
  std::string text = header_text(summary.header);
  text += line(
      "rows", fmt::format("{} in {}", count_text(summary.rows), seconds_text(summary.duration_ns)));
  text +=
      line("processes", fmt::format("{}, at most {} at a time; {} exec{}",
                                    count_text(needs.processes), count_text(needs.peak_processes),
                                    count_text(summary.execs), summary.execs == 1 ? "" : "s"));
  text += line("threads", fmt::format("{}, at most {} at a time", count_text(needs.threads),
                                      count_text(needs.peak_threads)));
  std::string tree = fmt::format("depth {}, fan-out {}", summary.depth, summary.fan_out);
  if (summary.fan_out > 0)
    tree += fmt::format(" (process {})", summary.fan_out_process);
  if (summary.shared_mm_forks > 0)
    tree += fmt::format(", {} sharing the parent's memory", count_text(summary.shared_mm_forks));
  text += line("fork tree", tree);
  text += line("longest-lived", fmt::format("process {}, {}", summary.longest_process,
                                            seconds_text(summary.longest_ns)));
  text += line("calls", events_text(summary, TraceEvent::mmap, TraceEvent::uffd_move));
  if (summary.failed_calls > 0)
    text += line("", fmt::format("{} of the calls failed", count_text(summary.failed_calls)));
  text += line("faults", events_text(summary, TraceEvent::read, TraceEvent::fetch));
  if (needs.dropped_touches > 0)
    text += line("", fmt::format("{} outside of known mappings, not replayed",
                                 count_text(needs.dropped_touches)));
  text += line("moves",
               fmt::format("{} by mremap ({}), {} resized in place, {} pages by userfaultfd",
                           count_text(summary.moved), pages_text(summary.moved_pages, page_size),
                           count_text(summary.resized), count_text(summary.uffd_moved_pages)));
  text += line("memory", fmt::format("at most {} private at a time, {} of files and shared memory",
                                     pages_text(needs.peak_private_pages, page_size),
                                     pages_text(needs.file_pages, page_size)));
  text += line("replay takes",
               fmt::format("at most {:.1f} MiB, page tables and the kernel's objects included, and "
                           "{:.1f} MiB for its rows; {} file{}",
                           mebibytes(needs.memory_bytes()), mebibytes(needs.rows * kReplayRowBytes),
                           count_text(needs.files), needs.files == 1 ? "" : "s"));
  if (summary.allocations_known)
    text += line("allocated",
                 fmt::format("{} vm_area_struct, {} anon_vma, {} anon_vma_chain",
                             count_text(summary.allocated[0]), count_text(summary.allocated[1]),
                             count_text(summary.allocated[2])));
  if (summary.process_curve.empty())
    return text + line("VMAs", "not recorded");
  text += fmt::format("\nVMAs of process {}, which had the most; its time from {} to {}\n",
                      summary.curve_process, seconds_text(summary.process_curve.front().at),
                      seconds_text(summary.process_curve.back().at));
  text += draw_curve(summary.process_curve, kCurveWidth, kCurveHeight);
  text += fmt::format("\nVMAs of all processes; time from {} to {}\n",
                      seconds_text(summary.sum_curve.front().at),
                      seconds_text(summary.sum_curve.back().at));
  return text + draw_curve(summary.sum_curve, kCurveWidth, kCurveHeight);
}

}  // namespace rmaplab
