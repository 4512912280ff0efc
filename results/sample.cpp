// SPDX-License-Identifier: GPL-2.0-only
#include "results/sample.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/fast_csv.h"
#include "base/interrupt.h"
#include "base/text.h"
#include "results/metric.h"

namespace rmaplab
{

namespace
{

constexpr unsigned kColumns = 14;
// Columns that every file has; later ones may be missing in older files.
constexpr const char* kFirstColumns[] = {
    "run",    "boot", "replica", "workload", "workload_version", "arguments", "repetition",
    "metric", "unit", "value",   "status",   "reason",           "pass"};
using Reader = io::CSVReader<kColumns, io::trim_chars<>, io::double_quote_escape<',', '"'>>;

std::string cell(const std::string& text)
{
  std::string clean = text;
  for (char& c : clean)
    if (c == '\n' || c == '\r' || c == '\0')
      c = ' ';
  if (clean.find_first_of(",\"") == std::string::npos)
    return clean;
  std::string quoted = "\"";
  for (const char c : clean)
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::optional<SampleStatus> parse_status(std::string_view text)
{
  for (const auto status : {SampleStatus::ok, SampleStatus::skip, SampleStatus::fail})
    if (text == to_string(status))
      return status;
  return std::nullopt;
}

// The numbers are read as text and converted here: the parser turns an empty
// cell into 0 and does not round doubles correctly.
struct RawRow {
  const char* run = nullptr;
  const char* boot = nullptr;
  const char* replica = nullptr;
  const char* workload = nullptr;
  const char* workload_version = nullptr;
  const char* arguments = nullptr;
  const char* repetition = nullptr;
  const char* metric = nullptr;
  const char* unit = nullptr;
  const char* value = nullptr;
  const char* status = nullptr;
  const char* reason = nullptr;
  const char* pass = nullptr;
  const char* site = "";  // older files have no such column
};

constexpr double kGreatest = 1e18;  // sums and squares of it are numbers still

// What was expected, or nothing when the row is good.
std::optional<std::string> convert(const RawRow& row, Sample& sample)
{
  auto whole = [](const char* text, int& to) {
    const auto number = parse_u64(text);
    if (!number || *number > 1'000'000'000)
      return false;
    to = static_cast<int>(*number);
    return true;
  };
  if (!whole(row.boot, sample.boot))
    return fmt::format("boot is \"{}\", expected a whole number", row.boot);
  if (!whole(row.replica, sample.replica))
    return fmt::format("replica is \"{}\", expected a whole number", row.replica);
  if (!whole(row.workload_version, sample.workload_version))
    return fmt::format("workload_version is \"{}\", expected a whole number", row.workload_version);
  if (!whole(row.repetition, sample.repetition))
    return fmt::format("repetition is \"{}\", expected a whole number", row.repetition);
  const auto status = parse_status(row.status);
  if (!status)
    return fmt::format("status is \"{}\", expected ok, skip or fail", row.status);
  sample.status = *status;
  if (*status == SampleStatus::ok) {
    sample.value = parse_double(row.value);
    if (!sample.value || !std::isfinite(*sample.value))
      return fmt::format("value is \"{}\", expected a number where status is ok", row.value);
    if (!(std::abs(*sample.value) <= kGreatest))
      return fmt::format("value is \"{}\", expected at most {:g}", row.value, kGreatest);
  } else if (*row.value) {
    return fmt::format("value is \"{}\", expected nothing where status is {}", row.value,
                       row.status);
  }
  const Metric* metric = find_metric(row.metric);
  if (!metric)
    return fmt::format("metric is \"{}\", expected a name of `rmaplab list --metrics`", row.metric);
  if (row.unit != metric->unit)
    return fmt::format("unit is \"{}\", expected \"{}\", that of {}", row.unit, metric->unit,
                       row.metric);
  if (sample.value && *sample.value < 0 && !metric->difference)
    return fmt::format("value is \"{}\", expected 0 or more of {}", row.value, row.metric);
  sample.run = row.run;
  sample.workload = row.workload;
  sample.arguments = row.arguments;
  sample.metric = row.metric;
  sample.unit = row.unit;
  sample.reason = row.reason;
  sample.pass = row.pass;
  sample.site = row.site;
  return std::nullopt;
}

// What makes a value the same value, in whatever pass. A failure or a skip may be told more than
// once, but nothing is both a value and a skip. Two hashes of 64 bits: among millions of rows none
// meet by chance, and they take a tenth of the text's memory.
struct Identity {
  std::uint64_t high;
  std::uint64_t low;
  bool operator==(const Identity&) const = default;
};
struct IdentityHash {
  std::size_t operator()(const Identity& identity) const { return identity.low; }
};
Identity identity_of(const Sample& sample)
{
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", sample.boot, sample.workload, sample.arguments,
                  sample.repetition, sample.metric, sample.site);
  // FNV-1a (draft-eastlake-fnv), and the library's own.
  std::uint64_t fnv = 14695981039346656037U;
  for (const char c : text)
    fnv = (fnv ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return {.high = fnv, .low = std::hash<std::string>()(text)};
}

}  // namespace

std::string_view to_string(SampleStatus status)
{
  switch (status) {
    case SampleStatus::ok:
      return "ok";
    case SampleStatus::skip:
      return "skip";
    case SampleStatus::fail:
      return "fail";
  }
  return "?";
}

std::string samples_header()
{
  return "run,boot,replica,workload,workload_version,arguments,repetition,metric,unit,value,"
         "status,reason,pass,site\n";
}

std::string sample_row(const Sample& sample)
{
  return fmt::format(
      "{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", cell(sample.run), sample.boot, sample.replica,
      cell(sample.workload), sample.workload_version, cell(sample.arguments), sample.repetition,
      cell(sample.metric), cell(sample.unit), sample.value ? number_text(*sample.value) : "",
      to_string(sample.status), cell(sample.reason), cell(sample.pass), cell(sample.site));
}

namespace
{

struct Seen {
  std::size_t line;
  bool value;
};
using SeenBefore =
    std::unordered_map<Identity, Seen, IdentityHash>;  // values and skips: line of the first

// What is wrong with a value that was there already; nothing where it was not.
std::optional<std::string> what_repeats(SeenBefore& seen, const Sample& sample, std::size_t line)
{
  if (sample.status == SampleStatus::fail)
    return std::nullopt;
  const Seen now{.line = line, .value = sample.value.has_value()};
  const auto [first, is_new] = seen.emplace(identity_of(sample), now);
  if (is_new || (!now.value && !first->second.value))
    return std::nullopt;
  return fmt::format("this value was there already{}, in line {}: {} {} {} of boot {}, pass {}",
                     now.value == first->second.value ? ""
                     : now.value                      ? ", as a skip"
                                                      : ", with a value",
                     first->second.line, sample.workload, sample.arguments, sample.metric,
                     sample.boot, sample.pass);
}

// Where there is a list for them, rows that cannot be read go there and the rest is read.
Result<std::vector<Sample>> parse(const std::string& name, std::string_view text,
                                  const SampleCheck& check, std::vector<std::string>* rejected)
{
  auto reject = [&](std::size_t line, const std::string& expected) {
    return Error{.code = Errc::parse, .context = fmt::format("{}:{}: {}", name, line, expected)};
  };
  if (text.empty())
    return reject(1, "file is empty, expected a header line");
  if (text.back() != '\n')
    return reject(lines_of(text).size(), "file is cut off: the last line has no newline");
  std::vector<Sample> samples;
  // Growing by doubling would hold twice the memory; no row is shorter than its commas and words.
  constexpr std::size_t kShortestRow = 40;
  samples.reserve(std::min<std::size_t>(std::count(text.begin(), text.end(), '\n'),
                                        text.size() / kShortestRow + 1));
  SeenBefore seen;
  std::size_t line = 1;
  try {
    Reader reader(name, text.data(), text.data() + text.size());
    reader.read_header(io::ignore_extra_column | io::ignore_missing_column, "run", "boot",
                       "replica", "workload", "workload_version", "arguments", "repetition",
                       "metric", "unit", "value", "status", "reason", "pass", "site");
    for (const char* column : kFirstColumns)
      if (!reader.has_column(column))
        return reject(1, fmt::format("header has no column \"{}\"", column));
    RawRow row;
    // Nothing at the end of the text.
    const auto next = [&]() -> std::optional<Result<Sample>> {
      try {
        if (!reader.read_row(row.run, row.boot, row.replica, row.workload, row.workload_version,
                             row.arguments, row.repetition, row.metric, row.unit, row.value,
                             row.status, row.reason, row.pass, row.site))
          return std::nullopt;
      } catch (const io::error::with_file_line& e) {
        const auto at = static_cast<std::size_t>(e.file_line < 0 ? 0 : e.file_line);
        return reject(at,
                      fmt::format("expected {} comma-separated cells as in the header", kColumns));
      }
      line = reader.get_file_line();
      Sample sample;
      if (const auto expected = convert(row, sample))
        return reject(line, *expected);
      if (const auto expected = check ? check(sample) : std::nullopt)
        return reject(line, *expected);
      if (const auto expected = what_repeats(seen, sample, line))
        return reject(line, *expected);
      return sample;
    };
    constexpr std::size_t kRowsBetweenLooks = 4096;
    while (auto sample = next()) {
      // What was measured is kept after Ctrl-C; a stored run is there another time.
      if (!rejected && line % kRowsBetweenLooks == 0 && interrupted())
        return Error{.code = Errc::interrupted, .context = "interrupted"};
      if (*sample)
        samples.push_back(**std::move(sample));
      else if (rejected)
        rejected->push_back(to_string(sample->error()));
      else
        return sample->error();
    }
  } catch (const io::error::duplicated_column_in_header& e) {
    return reject(1, fmt::format("header has column \"{}\" twice", e.column_name));
  } catch (const io::error::with_file_line& e) {
    const auto at = static_cast<std::size_t>(e.file_line < 0 ? 0 : e.file_line);
    return reject(at, fmt::format("expected {} comma-separated cells as in the header", kColumns));
  } catch (const std::exception& e) {
    return reject(line + 1, e.what());
  }
  return samples;
}

}  // namespace

Result<std::vector<Sample>> parse_samples(const std::string& name, std::string_view text,
                                          const SampleCheck& check)
{
  return parse(name, text, check, nullptr);
}

std::string rows_rejected(std::span<const std::string> rejected)
{
  return fmt::format("{} cannot be read: {}",
                     rejected.size() == 1 ? "a row" : fmt::format("{} rows", rejected.size()),
                     rejected.front());
}

ReadableSamples parse_readable_samples(const std::string& name, std::string_view text)
{
  ReadableSamples read;
  if (auto samples = parse(name, text, {}, &read.rejected))
    read.samples = *std::move(samples);
  else
    read.rejected.push_back(to_string(samples.error()));
  return read;
}

}  // namespace rmaplab
