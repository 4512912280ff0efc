// SPDX-License-Identifier: GPL-2.0-only
#include "results/sample.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <cerrno>
#include <cmath>
#include <memory>
#include <system_error>
#include <tuple>
#include <unordered_set>

#include "base/fast_csv.h"
#include "base/interrupt.h"
#include "base/regular_file.h"
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

template <typename Text>
std::string sample_row(const BasicSample<Text>& sample)
{
  return fmt::format(
      "{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", cell(sample.run), sample.boot, sample.replica,
      cell(sample.workload), sample.workload_version, cell(sample.arguments), sample.repetition,
      cell(sample.metric), cell(sample.unit), sample.value ? number_text(*sample.value) : "",
      to_string(sample.status), cell(sample.reason), cell(sample.pass), cell(sample.site));
}

template std::string sample_row(const MeasuredSample& sample);
template std::string sample_row(const Sample& sample);

namespace
{

// The values and skips among `samples` by what makes a value the same value, in whatever pass. A
// failure or a skip may be told more than once, but nothing is both a value and a skip.
class Repeats
{
 public:
  explicit Repeats(const std::vector<Sample>& samples)
      : samples_(samples), seen_(0, Hash{&samples}, Equal{&samples})
  {
  }
  // What is wrong with the last of the samples, in `line`; nothing where it was not there before.
  std::optional<std::string> of_last(std::size_t line)
  {
    const Sample& sample = samples_.back();
    if (sample.status == SampleStatus::fail)
      return std::nullopt;
    const auto [place, is_new] = seen_.insert(
        {static_cast<std::uint32_t>(samples_.size() - 1), static_cast<std::uint32_t>(line)});
    const Sample& first = samples_[place->row];
    if (is_new || (!sample.value && !first.value))
      return std::nullopt;
    const bool alike = sample.value.has_value() == first.value.has_value();
    return fmt::format("this value was there already{}, in line {}: {} {} {} of boot {}, pass {}",
                       alike          ? ""
                       : sample.value ? ", as a skip"
                                      : ", with a value",
                       place->line, sample.workload, sample.arguments, sample.metric, sample.boot,
                       sample.pass);
  }

 private:
  struct Place {
    std::uint32_t row;
    std::uint32_t line;
  };
  static auto identity(const Sample& sample)
  {
    return std::tie(sample.boot, sample.workload, sample.arguments, sample.repetition,
                    sample.metric, sample.site);
  }
  struct Hash {
    const std::vector<Sample>* samples;
    std::size_t operator()(const Place& place) const noexcept
    {
      return std::apply([](const auto&... parts) { return hash_of(parts...); },
                        identity((*samples)[place.row]));
    }
  };
  struct Equal {
    const std::vector<Sample>* samples;
    bool operator()(const Place& a, const Place& b) const
    {
      return identity((*samples)[a.row]) == identity((*samples)[b.row]);
    }
  };
  const std::vector<Sample>& samples_;
  std::unordered_set<Place, Hash, Equal> seen_;
};

// Rows are rejected with file and line.
auto rejecter(const std::string& name)
{
  return [&name](std::size_t line, const std::string& expected) {
    return Error{.code = Errc::parse, .context = fmt::format("{}:{}: {}", name, line, expected)};
  };
}

// Bytes of a file as they are asked for, and their checksum.
class FileBytes : public io::ByteSourceBase
{
 public:
  FileBytes(const UniqueFd& fd, boost::crc_32_type& crc) : fd_(fd), crc_(crc) {}
  // All of `size`, but for the end of the file.
  int read(char* buffer, int size) override
  {
    int got = 0;
    while (got < size) {
      const ssize_t part = ::read(fd_.get(), buffer + got, static_cast<std::size_t>(size - got));
      if (part < 0 && errno == EINTR)
        continue;
      if (part < 0)
        throw std::system_error(errno, std::generic_category(), "read");
      if (part == 0)
        break;
      got += static_cast<int>(part);
    }
    crc_.process_bytes(buffer, static_cast<std::size_t>(got));
    return got;
  }

 private:
  const UniqueFd& fd_;
  boost::crc_32_type& crc_;
};

// Text that ends with a newline, of `rows` at most. Where there is a list for them, rows that
// cannot be read go there and the rest is read.
Result<std::vector<Sample>> parse(const std::string& name,
                                  std::unique_ptr<io::ByteSourceBase> bytes, std::uint64_t rows,
                                  const SampleCheck& check, std::vector<std::string>* rejected)
{
  const auto reject = rejecter(name);
  std::vector<Sample> samples;
  samples.reserve(rows);  // growing by doubling would hold twice the memory
  Repeats repeats(samples);
  std::size_t line = 1;
  try {
    Reader reader(name, std::move(bytes));
    reader.read_header(io::ignore_extra_column | io::ignore_missing_column, "run", "boot",
                       "replica", "workload", "workload_version", "arguments", "repetition",
                       "metric", "unit", "value", "status", "reason", "pass", "site");
    for (const char* column : kFirstColumns)
      if (!reader.has_column(column))
        return reject(1, fmt::format("header has no column \"{}\"", column));
    RawRow row;
    // Adds the next row, or says what is wrong with it; nothing at the end of the text.
    const auto next = [&]() -> std::optional<Result<>> {
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
      Sample& sample = samples.emplace_back();
      auto wrong = convert(row, sample);
      if (!wrong && check)
        wrong = check(sample);
      if (!wrong)
        wrong = repeats.of_last(line);
      if (!wrong)
        return ok();
      samples.pop_back();
      return reject(line, *wrong);
    };
    constexpr std::size_t kRowsBetweenLooks = 4096;
    while (const auto added = next()) {
      // What was measured is kept after Ctrl-C; a stored run is there another time.
      if (!rejected && line % kRowsBetweenLooks == 0 && interrupted())
        return Error{.code = Errc::interrupted, .context = "interrupted"};
      if (*added)
        continue;
      if (!rejected)
        return added->error();
      rejected->push_back(to_string(added->error()));
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

constexpr std::uint64_t kShortestRow = 40;  // its commas and words

Result<std::vector<Sample>> parse_text(const std::string& name, std::string_view text,
                                       const SampleCheck& check, std::vector<std::string>* rejected)
{
  if (text.empty())
    return rejecter(name)(1, "file is empty, expected a header line");
  if (text.back() != '\n')
    return rejecter(name)(lines_of(text).size(), "file is cut off: the last line has no newline");
  const auto lines = static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
  return parse(name,
               std::make_unique<io::detail::NonOwningStringByteSource>(
                   text.data(), static_cast<long long>(text.size())),
               std::min(lines, text.size() / kShortestRow + 1), check, rejected);
}

}  // namespace

Result<std::vector<Sample>> parse_samples(const std::string& name, std::string_view text,
                                          const SampleCheck& check)
{
  return parse_text(name, text, check, nullptr);
}

Result<StoredSamples> read_samples(const std::filesystem::path& file, std::uint64_t rows,
                                   const SampleCheck& check)
{
  const auto fd = open_regular_file(file);
  if (!fd)
    return fd.error();
  const off_t bytes = ::lseek(fd->get(), 0, SEEK_END);
  char last = 0;
  if (bytes <= 0 || ::pread(fd->get(), &last, 1, bytes - 1) != 1 || last != '\n') {
    // Not whole: said of its text.
    const auto text = read_regular_file(file);
    if (!text)
      return text.error();
    auto samples = parse_samples(file, *text, check);
    return samples ? Result<StoredSamples>(StoredSamples{.samples = *std::move(samples)})
                   : samples.error();
  }
  ::lseek(fd->get(), 0, SEEK_SET);
  boost::crc_32_type crc;
  auto samples =
      parse(file, std::make_unique<FileBytes>(*fd, crc),
            std::min(rows, static_cast<std::uint64_t>(bytes) / kShortestRow + 1), check, nullptr);
  if (!samples)
    return samples.error();
  return StoredSamples{.samples = *std::move(samples),
                       .crc32 = fmt::format("{:08x}", crc.checksum())};
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
  if (auto samples = parse_text(name, text, {}, &read.rejected))
    read.samples = *std::move(samples);
  else
    read.rejected.push_back(to_string(samples.error()));
  return read;
}

}  // namespace rmaplab
