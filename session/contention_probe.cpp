// SPDX-License-Identifier: GPL-2.0-only
// The contention pass: who waited for which lock while a workload contended.
#include <fmt/format.h>

#include <map>
#include <optional>
#include <utility>

#include "base/text.h"
#include "probes/lock_stat.h"
#include "session/probe_client.h"
#include "session/probes.h"

namespace rmaplab
{

namespace
{

class ContentionProbe : public PassProbe
{
 public:
  explicit ContentionProbe(const Plan& plan)
      : client_(plan.probe_fd), operations_(plan.mode == Mode::host ? 40 : 5)
  {
  }
  // A workload that fails is not reported on, and the server must not go on tracing.
  ~ContentionProbe() override
  {
    if (tracing_)
      static_cast<void>(client_.ask("contention-stop"));
    if (lock_stat_ && !*lock_stat_)  // as it was found
      static_cast<void>(stop_lock_stat("/proc"));
  }
  std::vector<std::string_view> metrics() const override
  {
    return {"anon_vma_waits",      "anon_vma_wait_time", "mmap_lock_waits",
            "mmap_lock_wait_time", "other_lock_waits",   "other_lock_wait_time",
            "lock_begins",         "lock_ends",          "lock_unmatched",
            "lock_lost",           "lock_operations",    "lock_stat_hold_time"};
  }
  Result<> arm() override
  {
    // Loads what it needs, so that nothing of that is waited for in the workload.
    auto ready = client_.ask("contention-open");
    return ready ? ok() : Result<>(ready.error());
  }
  // The operations one after another and what lies between them, so that no wait is cut
  // in two but at the two ends.
  void begin() override
  {
    if (std::exchange(started_, true))
      return;
    lock_stat_ = clear_lock_stat("/proc");
    const auto started = client_.ask("contention-start");
    tracing_ = static_cast<bool>(started);
    if (!started)
      error_ = started.error();
  }
  Repeats repeats(Repeats) const override { return {.warm_up = 1, .kept = operations_}; }
  void report(const Rows& rows) override
  {
    tracing_ = false;
    const auto answer = error_ ? Result<ProbeAnswer>(*error_) : client_.ask("contention-stop");
    const auto skip_all = [&](const std::string& reason) {
      for (const auto metric : metrics())
        rows.no_value(metric, 0, SampleStatus::skip, reason);
    };
    if (!answer)
      return skip_all(to_string(answer.error()));
    report_lock_stat(rows);
    std::map<std::string, double> numbers;
    for (const char* name :
         {"begins", "ends", "continued", "unmatched_begins", "unmatched_ends", "lost"}) {
      const auto found = answer->fields.find(name);
      const auto number =
          found == answer->fields.end() ? std::nullopt : parse_double(found->second);
      if (!number)
        return skip_all(fmt::format("rmaplab-probe's answer lacks {}", name));
      numbers[name] = *number;
    }
    for (const auto& row : answer->rows)
      if (split(row, ',').size() != kCells)
        return skip_all(fmt::format("rmaplab-probe's answer has a row \"{}\"", row));
    Sums sums;
    for (const auto& row : answer->rows)
      report_caller(rows, row, sums);
    const std::pair<const char*, Sum> classes[] = {
        {"anon_vma", sums.anon_vma}, {"mmap_lock", sums.mmap_lock}, {"other_lock", sums.other}};
    for (const auto& [name, sum] : classes) {
      rows.value(fmt::format("{}_waits", name), 0, sum.waits);
      rows.value(fmt::format("{}_wait_time", name), 0, sum.ns);
    }
    rows.value("lock_operations", 0, operations_);
    rows.value("lock_begins", 0, numbers["begins"]);
    rows.value("lock_ends", 0, numbers["ends"] + numbers["continued"]);
    rows.value("lock_unmatched", 0, numbers["unmatched_begins"] + numbers["unmatched_ends"]);
    rows.value("lock_lost", 0, numbers["lost"]);
  }

 private:
  // Of kernels that have it: hold times and acquisitions nobody waited for, which no
  // event tells.
  void report_lock_stat(const Rows& rows) const
  {
    if (!lock_stat_)
      return rows.no_value("lock_stat_hold_time", 0, SampleStatus::skip,
                           lock_stat_capability("/proc").reason);
    for (const auto& lock_class : kAnonVmaLockClasses) {
      const auto stat = read_lock_stat("/proc", lock_class);
      if (!stat && stat.error().code == Errc::unsupported)
        continue;  // nobody took it in this way
      if (!stat)
        return rows.no_value("lock_stat_hold_time", 0, SampleStatus::fail, to_string(stat.error()));
      rows.value("lock_stat_hold_time", 0, stat->hold.total_us * 1e3, lock_class);
      rows.value("lock_stat_acquisitions", 0, static_cast<double>(stat->acquisitions), lock_class);
      rows.value("lock_stat_wait_time", 0, stat->wait.total_us * 1e3, lock_class);
      rows.value("lock_stat_contentions", 0, static_cast<double>(stat->contentions), lock_class);
    }
  }
  struct Sum {
    double waits = 0;
    double ns = 0;
  };
  struct Sums {
    Sum anon_vma, mmap_lock, other;
  };
  // KIND,CLASS,CALLER,WAITS,TOTAL,P99,MAX,HISTOGRAM: cli/probe_contention.h
  static constexpr std::size_t kCells = 8;
  static void report_caller(const Rows& rows, const std::string& line, Sums& sums)
  {
    const auto cells = split(line, ',');
    const auto value = [&](std::size_t i) { return parse_double(cells[i]).value_or(0); };
    Sum& sum = cells[1] == "anon_vma"    ? sums.anon_vma
               : cells[1] == "mmap_lock" ? sums.mmap_lock
                                         : sums.other;
    sum.waits += value(3);
    sum.ns += value(4);
    const std::string site = fmt::format("{} {}: {}", cells[1], cells[0], cells[2]);
    rows.value("lock_waits", 0, value(3), site);
    rows.value("lock_wait_time", 0, value(4), site);
    rows.value("lock_wait_p99", 0, value(5), site);
    rows.value("lock_wait_max", 0, value(6), site);
    for (const auto bucket : split_blanks(cells[7]))
      if (const auto colon = bucket.find(':'); colon != std::string_view::npos)
        rows.value("lock_wait_histogram", 0, parse_double(bucket.substr(colon + 1)).value_or(0),
                   fmt::format("{} < {} ns", site, bucket.substr(0, colon)));
  }

  ProbeClient client_;
  int operations_;  // some seconds of them
  bool started_ = false;
  bool tracing_ = false;
  std::optional<Error> error_;
  Result<bool> lock_stat_ = Error{.code = Errc::unsupported, .context = "not begun"};
};

}  // namespace

std::unique_ptr<PassProbe> make_contention_probe(const Plan& plan)
{
  return std::make_unique<ContentionProbe>(plan);
}

}  // namespace rmaplab
