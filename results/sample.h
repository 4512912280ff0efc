// SPDX-License-Identifier: GPL-2.0-only
// One measured value, and samples.csv, where each is a row. results/schema.md
// describes the columns; reader and writer are here so that they stay one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "results/shared_text.h"

namespace rmaplab
{

enum class SampleStatus {
  ok,
  skip,  // could not be measured here; reason says why
  fail,  // the workload itself failed; reason says how
};

// Text: std::string or SharedText.
template <typename Text>
struct BasicSample {
  Text run;         // id of the run; set by whoever stores it
  int boot = 0;     // 1, 2, ... in the order the kernel was booted; 0: no boot of ours
  int replica = 0;  // which reproducible starting state (docs/architecture.md); 0: none
  Text workload;
  int workload_version = 0;
  Text arguments;      // "vmas=64;kind=dontfork", "" where there are none
  int repetition = 0;  // 0, 1, ... within the boot
  Text metric;         // a name of results/metric.h
  Text unit;
  std::optional<double> value;  // absent unless status is ok
  SampleStatus status = SampleStatus::ok;
  Text reason;
  Text pass;  // which probes were armed; results/schema.md lists them
  Text site;  // kernel function whose part of the metric it is; "" the whole of it

  bool operator==(const BasicSample&) const = default;
};

// As who measures makes it: one at a time, and nothing of it stays in the process that is measured.
using MeasuredSample = BasicSample<std::string>;
// As runs hold it: by the million.
using Sample = BasicSample<SharedText>;

// Whose values they are. For what sorts and counts rows by their case.
struct CaseName {
  SharedText workload;
  SharedText arguments;
  bool operator==(const CaseName&) const = default;
  auto operator<=>(const CaseName&) const = default;
};
template <typename Text>
CaseName case_of(const BasicSample<Text>& sample)
{
  return {.workload = sample.workload, .arguments = sample.arguments};
}

std::string_view to_string(SampleStatus status);

// First line of samples.csv, with its newline.
std::string samples_header();
// One row with its newline. Cells that need it are quoted; newlines become blanks.
template <typename Text>
std::string sample_row(const BasicSample<Text>& sample);
// What else a reader asks of a row; what was expected, where it is not so.
using SampleCheck = std::function<std::optional<std::string>(const Sample&)>;
// Pure. `name` is what an error calls the text: "NAME:LINE: what was expected". A row must be in
// its metric's unit, and no value may be there twice.
Result<std::vector<Sample>> parse_samples(const std::string& name, std::string_view text,
                                          const SampleCheck& check = {});

struct StoredSamples {
  std::vector<Sample> samples;
  std::string crc32;  // of the file's bytes, as of gzip and zlib (`crc32 samples.csv`)
};
// The same of a file, which is read in pieces: it may have more bytes than there is memory for.
// `rows`: how many are expected, 0 where that is not known; memory for them is set aside.
Result<StoredSamples> read_samples(const std::filesystem::path& file, std::uint64_t rows,
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

template <>
struct std::hash<rmaplab::CaseName> {
  std::size_t operator()(const rmaplab::CaseName& one) const noexcept
  {
    return rmaplab::hash_of(one.workload, one.arguments);
  }
};
