// SPDX-License-Identifier: GPL-2.0-only
// Rows of samples.csv for one case, as they are found.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "results/sample.h"
#include "session/plan.h"

namespace rmaplab
{

// Where a case's findings go: rows, and what it learned about the kernel (a key of
// manifest.json and its value), and text that is neither.
struct CaseSink {
  std::function<void(const MeasuredSample&)> sample;
  std::function<void(const std::string& key, const std::string& value)> fact;
  std::function<void(const std::string&)> text;
};

class Rows
{
 public:
  Rows(const Plan& plan, const PlannedCase& planned, const CaseSink& sink);
  // `site`: the kernel function the value belongs to, "" for the whole of it. `note`: what
  // a reader of the value must know.
  void value(std::string_view metric, int repetition, double number, const std::string& site = {},
             const std::string& note = {}) const;
  void no_value(std::string_view metric, int repetition, SampleStatus status,
                const std::string& reason) const;
  void fact(const std::string& key, const std::string& value) const { sink_.fact(key, value); }
  void text(const std::string& text) const { sink_.text(text); }

 private:
  MeasuredSample row(std::string_view metric, int repetition) const;
  const CaseSink& sink_;
  MeasuredSample common_;
  std::string by_chance_;  // why counts of anon_vmas are no values, "" where they are
  bool exact_;             // a guest of the exact lab
};

}  // namespace rmaplab
