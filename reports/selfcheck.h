// SPDX-License-Identifier: GPL-2.0-only
// A kernel against itself, many times: how often a comparison cries wolf, how far values
// scatter, and the smallest change that it would have seen. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "reports/policy.h"
#include "results/manifest.h"
#include "results/run_dir.h"

namespace rmaplab
{

// One metric over all its cases and comparisons.
struct SelfcheckMetric {
  std::string name;
  MetricClass kind = MetricClass::exact;
  std::size_t cases = 0;
  std::size_t rows = 0;    // judged: a case in a comparison
  std::size_t alarms = 0;  // of them called changed
  // Width of all values of a case, relative to their median: of the middle case, of the widest.
  double scatter_median = 0;
  double scatter_worst = 0;
  // Smallest relative change that would have been called, likewise; nothing where so few boots
  // can call none (noisy), or nothing is relative to 0.
  std::optional<double> visible_median;
  std::optional<double> visible_worst;
};

struct Selfcheck {
  std::size_t comparisons = 0;
  std::size_t alarmed = 0;  // comparisons with at least one false alarm
  std::size_t rows = 0;
  std::size_t row_alarms = 0;
  std::vector<std::string> alarms;  // "comparison 7: fork_flat vmas=16: instructions +0.12%"
  std::vector<SelfcheckMetric> metrics;
  double level = 0.05;    // of noisy metrics
  std::size_t boots = 0;  // a side
};

class SelfcheckStudy
{
 public:
  explicit SelfcheckStudy(Policy policy) : policy_(std::move(policy)) {}
  // Both of the same kernel; each call is one comparison more.
  void add(const Run& base, const Run& head);
  Selfcheck result() const;

 private:
  struct Cell {
    std::vector<double> values;   // one a boot, of all comparisons
    std::vector<double> visible;  // one a comparison, deterministic
    double floor = 0;
  };
  Policy policy_;
  Selfcheck so_far_;
  std::map<std::string, SelfcheckMetric> metrics_;
  std::map<std::string, std::map<std::string, Cell>> cells_;  // by metric and case
  std::size_t noisy_rows_ = 0;  // of the largest comparison: what Holm corrects for
};

// Whether the rate of comparisons with false alarms can be the stated level: the lower end of
// its 95 % interval is not above it.
bool rate_is_within(const Selfcheck& check);

// A table for people.
std::string selfcheck_text(const Selfcheck& check);
// What a later report quotes, as flat keys; and one line of it.
Manifest selfcheck_facts(const Selfcheck& check);
std::string selfcheck_line(const Manifest& facts);

}  // namespace rmaplab
