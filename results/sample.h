// SPDX-License-Identifier: GPL-2.0-only
// One measured value, and samples.csv, where each is a row. results/schema.md
// describes the columns; reader and writer are here so that they stay one.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

enum class SampleStatus {
  ok,
  skip,  // could not be measured here; reason says why
  fail,  // the workload itself failed; reason says how
};

struct Sample {
  std::string run;  // id of the run; set by whoever stores it
  int boot = 0;     // 1, 2, ... in the order the kernel was booted; 0: no boot of ours
  int replica = 0;  // which reproducible starting state (docs/architecture.md); 0: none
  std::string workload;
  int workload_version = 0;
  std::string arguments;  // "vmas=64;kind=dontfork", "" where there are none
  int repetition = 0;     // 0, 1, ... within the boot
  std::string metric;     // a name of results/metric.h
  std::string unit;
  std::optional<double> value;  // absent unless status is ok
  SampleStatus status = SampleStatus::ok;
  std::string reason;
  std::string pass;  // which probes were armed; results/schema.md lists them
  std::string site;  // kernel function whose part of the metric it is; "" the whole of it

  bool operator==(const Sample&) const = default;
};

std::string_view to_string(SampleStatus status);

// First line of samples.csv, with its newline.
std::string samples_header();
// One row with its newline. Cells that need it are quoted; newlines become blanks.
std::string sample_row(const Sample& sample);
// What else a reader asks of a row; what was expected, where it is not so.
using SampleCheck = std::function<std::optional<std::string>(const Sample&)>;
// Pure. `name` is what an error calls the text: "NAME:LINE: what was expected". A row must be in
// its metric's unit, and no value may be there twice.
Result<std::vector<Sample>> parse_samples(const std::string& name, std::string_view text,
                                          const SampleCheck& check = {});

// The same of a stream that is measured once: a row that cannot be read costs no other.
struct ReadableSamples {
  std::vector<Sample> samples;
  std::vector<std::string> rejected;  // "NAME:LINE: what was expected", one a row
};
// "2 rows cannot be read: NAME:7: what was expected".
std::string rows_rejected(std::span<const std::string> rejected);
ReadableSamples parse_readable_samples(const std::string& name, std::string_view text);

}  // namespace rmaplab
