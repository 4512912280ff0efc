// SPDX-License-Identifier: GPL-2.0-only
// The faults pass: page faults of the operations by VMA, and how many VMAs the process
// tree has while they run.
#include <fmt/format.h>
#include <unistd.h>

#include <optional>

#include "base/text.h"
#include "probes/page_faults.h"
#include "session/probe_client.h"
#include "session/probes.h"
#include "workloads/arena.h"

namespace rmaplab
{

namespace
{

constexpr AddressRange kArena = {.begin = kArenaBegin, .end = kArenaEnd};
constexpr std::size_t kMostVmas = 32;  // with rows of their own

class FaultsProbe : public PassProbe
{
 public:
  explicit FaultsProbe(const Plan& plan) : client_(plan.probe_fd) {}
  std::vector<std::string_view> metrics() const override
  {
    return {"page_faults_arena", "page_faults_other", "page_faults_kernel", "vmas_peak"};
  }
  Result<> arm() override
  {
    auto trace = FaultTrace::open();
    if (!trace)
      return trace.error();
    trace_.emplace(*std::move(trace));
    return ok();
  }
  void begin() override
  {
    curve_ = client_.ask(fmt::format("curve-start {}", ::getpid()));
    trace_->begin();
  }
  void end() override
  {
    trace_->end();
    // The arena as the operation leaves it: the workload may clear it next.
    vmas_ = read_vmas("/proc", ::getpid(), kArena);
    if (curve_)
      curve_ = client_.ask("curve-stop");
  }
  Repeats repeats(Repeats) const override { return {.warm_up = 1, .kept = 1}; }
  void report(const Rows& rows) override
  {
    const auto faults = trace_->read();
    if (!faults || faults->lost > 0) {
      const std::string reason =
          faults ? fmt::format("{} faults did not fit in the ring", faults->lost)
                 : to_string(faults.error());
      for (const char* metric : {"page_faults_arena", "page_faults_other", "page_faults_kernel"})
        rows.no_value(metric, 0, SampleStatus::skip, reason);
    } else {
      report_faults(rows, *faults);
    }
    report_curve(rows);
  }

 private:
  void report_faults(const Rows& rows, const FaultReport& faults)
  {
    const auto vmas = vmas_ ? *vmas_ : std::vector<AddressRange>{};
    const FaultSums sums = sum_faults(faults, kArena, vmas);
    rows.value("page_faults_arena", 0, static_cast<double>(sums.in_range));
    rows.value("page_faults_other", 0, static_cast<double>(sums.outside));
    if (sums.in_kernel)
      rows.value("page_faults_kernel", 0, static_cast<double>(*sums.in_kernel));
    else
      rows.no_value("page_faults_kernel", 0, SampleStatus::skip,
                    "faults taken in kernel mode are hidden from this user");
    std::size_t shown = 0;
    for (std::size_t i = 0; i < vmas.size() && shown < kMostVmas; ++i)
      if (sums.of_vma[i] > 0) {
        rows.value("page_faults_arena", 0, static_cast<double>(sums.of_vma[i]),
                   fmt::format("VMA {:x}-{:x}", vmas[i].begin, vmas[i].end));
        ++shown;
      }
  }
  void report_curve(const Rows& rows)
  {
    if (!curve_)
      return rows.no_value("vmas_peak", 0, SampleStatus::skip, to_string(curve_.error()));
    if (const auto peak = parse_double(curve_->fields["peak"]))
      rows.value("vmas_peak", 0, *peak);
    else
      rows.no_value("vmas_peak", 0, SampleStatus::skip, "rmaplab-probe's answer lacks the peak");
    for (const auto& point : curve_->rows)  // NS COUNT
      if (const auto words = split_blanks(point); words.size() == 2)
        if (const auto count = parse_double(words[1]))
          rows.value("vma_curve", 0, *count, fmt::format("at {} ns", words[0]));
  }

  ProbeClient client_;
  std::optional<FaultTrace> trace_;
  Result<std::vector<AddressRange>> vmas_ = std::vector<AddressRange>{};
  Result<ProbeAnswer> curve_ = Error{.code = Errc::unsupported, .context = "no operation"};
};

}  // namespace

std::unique_ptr<PassProbe> make_faults_probe(const Plan& plan)
{
  return std::make_unique<FaultsProbe>(plan);
}

}  // namespace rmaplab
