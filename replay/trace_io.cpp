// SPDX-License-Identifier: GPL-2.0-only
#include "replay/trace_io.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "base/fast_csv.h"
#include "base/interrupt.h"
#include "base/output_file.h"
#include "base/text.h"
#include "base/unique_fd.h"

namespace rmaplab
{

namespace fs = std::filesystem;

namespace
{

constexpr std::string_view kVersionPrefix = "# rmaplab trace: ";
constexpr const char* kCutOff = "file is cut off: the last line has no newline";
// Of what a header says and a message quotes; PATH_MAX is the longest that can be honest.
constexpr std::size_t kMaxHeaderValue = 4096;
// With names of that length 256 MiB; a program maps some hundreds of files.
constexpr std::size_t kMaxHeaderFiles = 65536;
constexpr std::size_t kMaxQuoted = 40;
constexpr std::size_t kMaxNames = 64;  // of settings, and of what was seen

// ---- bytes ----

// Why the bytes ended before their time. Outlives the source, which the parser owns and
// drops when it has read enough.
struct SourceEnd {
  std::optional<Error> error;      // of the system
  std::optional<std::string> why;  // of the content
};

// A file or text as it is stored. 0 at the end, less than zero on failure with errno.
class RawBytes
{
 public:
  explicit RawBytes(UniqueFd fd) : fd_(std::move(fd)) {}
  explicit RawBytes(std::string_view text) : text_(text) {}
  ssize_t read(char* to, std::size_t size)
  {
    if (fd_) {
      ssize_t got = 0;
      do
        got = ::read(fd_.get(), to, size);
      while (got < 0 && errno == EINTR);
      return got;
    }
    const std::size_t part = std::min(size, text_.size());
    if (part > 0)
      std::memcpy(to, text_.data(), part);
    text_.remove_prefix(part);
    return static_cast<ssize_t>(part);
  }

 private:
  UniqueFd fd_;
  std::string_view text_;
};

// What the parser reads from. It takes a short read for the end of the file and looks one
// byte beyond its data unless the last of them is a newline (LineReader::next_line): reads
// are filled, and a newline is put where there is none.
class TraceSource : public io::ByteSourceBase
{
 public:
  TraceSource(RawBytes raw, bool compressed, std::shared_ptr<SourceEnd> end)
      : raw_(std::move(raw)), end_(std::move(end))
  {
    if (!compressed)
      return;
    packed_.resize(ZSTD_DStreamInSize());
    stream_.reset(ZSTD_createDCtx());
    // 128 MiB, as the zstd program has it: a frame may not ask for more memory.
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, 27);
  }

  int read(char* buffer, int size) override
  {
    const auto wanted = static_cast<std::size_t>(size);
    std::size_t got = 0;
    while (got < wanted && !ended_) {
      std::size_t part =
          stream_ ? unpack(buffer + got, wanted - got) : plain(buffer + got, wanted - got);
      if (const void* nul = std::memchr(buffer + got, '\0', part)) {
        part = static_cast<std::size_t>(static_cast<const char*>(nul) - (buffer + got));
        stop("expected text, found a NUL byte");
      }
      got += part;
      total_ += part;
      if (total_ > kMaxTraceBytes)
        stop(fmt::format("trace has more than {} bytes", kMaxTraceBytes));
    }
    if (got > 0)
      last_ = buffer[got - 1];
    if (got < wanted && last_ != '\n') {
      buffer[got++] = last_ = '\n';
      stop(kCutOff);
    }
    return static_cast<int>(got);
  }

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };

  void stop(const std::string& why)
  {
    ended_ = true;
    if (!end_->why && !end_->error)
      end_->why = why;
  }

  std::size_t pull(char* to, std::size_t size)
  {
    const ssize_t got = raw_.read(to, size);
    if (got < 0)
      end_->error = os_error("read");
    return got < 0 ? 0 : static_cast<std::size_t>(got);
  }

  std::size_t plain(char* to, std::size_t size)
  {
    const std::size_t got = pull(to, size);
    ended_ = ended_ || got == 0;
    return got;
  }

  // Some bytes; none only at the end.
  std::size_t unpack(char* to, std::size_t size)
  {
    ZSTD_outBuffer out = {to, size, 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && !packed_ended_) {
        in_ = {packed_.data(), pull(packed_.data(), packed_.size()), 0};
        packed_ended_ = in_.size == 0;
      }
      if (packed_ended_ && missing_ == 0) {
        ended_ = true;
        break;
      }
      missing_ = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(missing_)) {
        stop(fmt::format("expected zstd data: {}", ZSTD_getErrorName(missing_)));
        break;
      }
      if (packed_ended_ && out.pos == 0) {
        stop("file is cut off: zstd data ends in the middle");
        break;
      }
    }
    return out.pos;
  }

  RawBytes raw_;
  std::shared_ptr<SourceEnd> end_;
  std::unique_ptr<ZSTD_DCtx, FreeContext> stream_;
  std::vector<char> packed_;
  ZSTD_inBuffer in_ = {nullptr, 0, 0};
  std::size_t missing_ = 1;  // 0 between two frames
  bool packed_ended_ = false;
  bool ended_ = false;
  std::uint64_t total_ = 0;
  char last_ = '\n';  // an empty file lacks no newline
};

// ---- numbers and words ----

constexpr std::array<std::uint8_t, 256> hex_values()
{
  std::array<std::uint8_t, 256> values{};
  for (auto& value : values)
    value = 0xff;
  for (unsigned i = 0; i < 10; ++i)
    values['0' + i] = static_cast<std::uint8_t>(i);
  for (unsigned i = 0; i < 6; ++i)
    values['a' + i] = static_cast<std::uint8_t>(10 + i);
  return values;
}
constexpr auto kHexValues = hex_values();

// A 0x number up to 2^64 - 1, lower case as we write it.
inline bool parse_hex(const char* text, std::uint64_t& to)
{
  if (text[0] != '0' || text[1] != 'x')
    return false;
  const char* at = text += 2;
  std::uint64_t value = 0;
  for (std::uint8_t digit = 0; (digit = kHexValues[static_cast<unsigned char>(*at)]) != 0xff; ++at)
    value = value << 4 | digit;
  to = value;
  return *at == '\0' && at != text && at - text <= 16;
}

inline bool parse_decimal(const char* text, std::uint64_t& to)
{
  const char* at = text;
  std::uint64_t value = 0;
  for (unsigned digit = 0; (digit = static_cast<unsigned char>(*at) - unsigned{'0'}) <= 9; ++at)
    value = value * 10 + digit;
  to = value;
  constexpr std::ptrdiff_t kAlwaysFit = 19;  // digits in 64 bits
  if (*at != '\0' || at == text || at - text > kAlwaysFit + 1)
    return false;
  if (at - text <= kAlwaysFit)
    return true;
  const auto exact = parse_u64({text, at});
  to = exact.value_or(0);
  return exact.has_value();
}

template <typename Small, typename Parse>
inline bool parse_small(const char* text, Small& to, Parse parse)
{
  std::uint64_t value = 0;
  if (!parse(text, value) || value > static_cast<std::uint64_t>(std::numeric_limits<Small>::max()))
    return false;
  to = static_cast<Small>(value);
  return true;
}

// Decimal with a sign; an address in its place is 0x.
bool parse_result(const char* text, bool address, std::int64_t& to)
{
  if (*text == '-') {
    if (!parse_small(text + 1, to, parse_decimal))
      return false;
    to = -to;
    return true;
  }
  return address ? parse_small(text, to, parse_hex) : parse_small(text, to, parse_decimal);
}

// Names to events; open addressing, so that a name costs one look.
class EventNames
{
 public:
  EventNames()
  {
    slots_.fill(-1);
    for (std::size_t i = 0; i < kTraceEvents; ++i) {
      unsigned slot = hash(shape_of(static_cast<TraceEvent>(i)).name);
      while (slots_[slot] >= 0)
        slot = (slot + 1) % kSlots;
      slots_[slot] = static_cast<std::int8_t>(i);
    }
  }
  bool find(std::string_view name, TraceEvent& to) const
  {
    for (unsigned slot = hash(name); slots_[slot] >= 0; slot = (slot + 1) % kSlots) {
      const auto event = static_cast<TraceEvent>(slots_[slot]);
      if (shape_of(event).name == name) {
        to = event;
        return true;
      }
    }
    return false;
  }

 private:
  static constexpr unsigned kSlots = 128;
  static unsigned hash(std::string_view name)
  {
    const auto at = [&](std::size_t i) { return unsigned{static_cast<unsigned char>(name[i])}; };
    if (name.empty())
      return 0;
    return (at(0) * 7 + at(name.size() / 2) * 31 + at(name.size() - 1) * 3 +
            static_cast<unsigned>(name.size()) * 13) %
           kSlots;
  }
  std::array<std::int8_t, kSlots> slots_{};
};

using Cells = std::array<const char*, kTraceColumns>;
const char* cell(const Cells& cells, TraceColumn column)
{
  return cells[static_cast<unsigned>(column)];
}

// Without trimming and quotes the parser leaves the cells of a line one behind the other,
// each with its NUL.
std::size_t size_but_last(const Cells& cells, unsigned i)
{
  return static_cast<std::size_t>(cells[i + 1] - cells[i]) - 1;
}

constexpr unsigned kMayBeEmpty = bit(TraceColumn::file) | bit(TraceColumn::offset);

// The column that is not as it should be, or nothing.
std::optional<TraceColumn> convert(const Cells& cells, TraceRow& row)
{
  static const EventNames names;
  using C = TraceColumn;
  row = TraceRow();
  if (!parse_decimal(cell(cells, C::time_ns), row.time_ns))
    return C::time_ns;
  if (!parse_small(cell(cells, C::process), row.process, parse_decimal) || row.process == 0)
    return C::process;
  if (!parse_small(cell(cells, C::thread), row.thread, parse_decimal) || row.thread == 0)
    return C::thread;
  if (!names.find({cell(cells, C::event), size_but_last(cells, static_cast<unsigned>(C::event))},
                  row.event))
    return C::event;

  const TraceEventShape& shape = shape_of(row.event);
  unsigned present = *cell(cells, C::vmas) ? bit(C::vmas) : 0;
  for (unsigned i = static_cast<unsigned>(C::address); i < static_cast<unsigned>(C::vmas); ++i)
    present |= (size_but_last(cells, i) != 0 ? 1u : 0u) << i;
  const unsigned wrong = (present ^ shape.columns) & ~bit(C::vmas) & ~(kMayBeEmpty & shape.columns);
  if (wrong)
    return static_cast<C>(std::countr_zero(wrong));

  if (present & bit(C::address) && !parse_hex(cell(cells, C::address), row.address))
    return C::address;
  if (present & bit(C::length) && !parse_decimal(cell(cells, C::length), row.length))
    return C::length;
  if (present & bit(C::new_address) && !parse_hex(cell(cells, C::new_address), row.new_address))
    return C::new_address;
  if (present & bit(C::new_length) && !parse_decimal(cell(cells, C::new_length), row.new_length))
    return C::new_length;
  if (present & bit(C::flags) && !parse_hex(cell(cells, C::flags), row.flags))
    return C::flags;
  if (present & bit(C::prot) && !parse_small(cell(cells, C::prot), row.prot, parse_hex))
    return C::prot;
  if (present & bit(C::file) && !parse_small(cell(cells, C::file), row.file, parse_decimal))
    return C::file;
  if (present & bit(C::offset) && !parse_decimal(cell(cells, C::offset), row.offset))
    return C::offset;
  if (present & bit(C::result) &&
      !parse_result(cell(cells, C::result), shape.address_result, row.result))
    return C::result;
  if (present & bit(C::vmas) && !parse_small(cell(cells, C::vmas), row.vmas, parse_decimal))
    return C::vmas;
  return std::nullopt;
}

// Of a stranger's file, for a terminal: short, and nothing that the terminal would obey.
std::string quoted(std::string_view text)
{
  std::string shown;
  for (const char c : text.substr(0, kMaxQuoted))
    shown += c >= ' ' && c <= '~' ? c : '?';
  return '"' + shown + (text.size() > kMaxQuoted ? "\"..." : "\"");
}

std::string expected_in(TraceColumn column, const Cells& cells, TraceEvent event)
{
  using C = TraceColumn;
  const TraceEventShape& shape = shape_of(event);
  const std::string found =
      fmt::format("{} is {}, expected ", kTraceColumnNames[static_cast<unsigned>(column)],
                  quoted(cell(cells, column)));
  const bool known = column > C::event;
  if (known && column != C::vmas && !(shape.columns & bit(column)))
    return found + fmt::format("nothing: {} has none", shape.name);
  switch (column) {
    case C::event:
      return found + "one of the events of replay/schema.md";
    case C::process:
    case C::thread:
      return found + "a number from 1 to 4294967295";
    case C::address:
    case C::new_address:
    case C::flags:
      return found + "a hexadecimal number 0x... below 2^64";
    case C::prot:
      return found + "a hexadecimal number 0x... below 2^32";
    case C::file:
      return found + "a number below 2^32, or nothing";
    case C::vmas:
      return found + "a number below 2^31, or nothing";
    case C::result:
      return found + (shape.address_result ? "an address 0x... or a negative errno"
                                           : "a decimal number between -2^63 and 2^63");
    case C::time_ns:
    case C::length:
    case C::new_length:
    case C::offset:
      break;
  }
  return found + "a decimal number below 2^64";
}

bool printable(std::string_view text)
{
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

std::string column_line()
{
  return fmt::format("{}", fmt::join(kTraceColumnNames, ","));
}

}  // namespace

Error trace_error(const std::string& name, std::uint64_t line, const std::string& expected)
{
  return {.code = Errc::parse, .context = fmt::format("{}:{}: {}", name, line, expected)};
}

Error interrupted_error()
{
  return {.code = Errc::interrupted, .context = "interrupted"};
}

// ---- reader ----

struct TraceReader::State {
  State(std::string its_name, RawBytes raw, bool compressed)
      : name(std::move(its_name)),
        end(std::make_shared<SourceEnd>()),
        csv(name, std::make_unique<TraceSource>(std::move(raw), compressed, end))
  {
  }

  // The line that a message is about: the bytes' own failure comes first where they end.
  Error reject(std::uint64_t at, const std::string& expected)
  {
    if ((end->error || end->why) && !csv.next_line())
      return early_end(at);
    return trace_error(name, at, expected);
  }
  Error early_end(std::uint64_t at) const
  {
    if (end->error)
      return {.code = Errc::os, .context = "read " + name, .sys_errno = end->error->sys_errno};
    return trace_error(name, at, *end->why);
  }
  Result<> read_header();
  Result<> read_header_value(std::string_view key, std::string_view value, unsigned& seen);

  std::string name;
  std::shared_ptr<SourceEnd> end;
  io::CSVReader<kTraceColumns, io::trim_chars<>, io::no_quote_escape<','>> csv;
  TraceHeader header;
  std::uint64_t rows = 0;
};

namespace
{
constexpr std::array<std::string_view, 7> kHeaderKeys = {"kernel",  "machine", "page_size", "clock",
                                                         "command", "lost",    "complete"};

bool is_name(std::string_view text)
{
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789_";
  return !text.empty() && text.size() <= kMaxQuoted &&
         text.find_first_not_of(kLetters) == std::string_view::npos;
}
}  // namespace

Result<> TraceReader::State::read_header_value(std::string_view key, std::string_view value,
                                               unsigned& seen)
{
  const auto line = csv.get_file_line();
  if (value.size() > kMaxHeaderValue || !printable(value))
    return reject(line, fmt::format("header {} is {}, expected at most {} printable bytes",
                                    quoted(key), quoted(value), kMaxHeaderValue));
  if (key.substr(0, 5) == "file ") {
    const auto number = parse_u64(key.substr(5));
    if (!number || *number == 0 || *number > std::numeric_limits<std::uint32_t>::max() ||
        header.files.size() >= kMaxHeaderFiles ||
        !header.files.emplace(static_cast<std::uint32_t>(*number), value).second)
      return reject(line,
                    fmt::format("header is {}, expected the number of another file", quoted(key)));
    return ok();
  }
  if (key.substr(0, 8) == "setting ") {
    if (!is_name(key.substr(8)) || header.settings.size() >= kMaxNames ||
        !header.settings.emplace(key.substr(8), value).second)
      return reject(line,
                    fmt::format("header is {}, expected the name of another setting", quoted(key)));
    return ok();
  }
  if (key.substr(0, 5) == "seen ") {
    const auto count = parse_u64(value);
    if (!count)
      return reject(line, fmt::format("{} is {}, expected a decimal number below 2^64", quoted(key),
                                      quoted(value)));
    if (!is_name(key.substr(5)) || header.seen.size() >= kMaxNames ||
        !header.seen.emplace(key.substr(5), *count).second)
      return reject(
          line, fmt::format("header is {}, expected the name of something else seen", quoted(key)));
    return ok();
  }
  if (key == "ended") {
    if (!header.ended.empty())
      return reject(line, "header ended is there twice");
    header.ended = value;
    return ok();
  }
  if (key == "note") {  // of those that may be absent
    if (!header.note.empty())
      return reject(line, "header note is there twice");
    header.note = value;
    return ok();
  }
  const auto* found = std::find(kHeaderKeys.begin(), kHeaderKeys.end(), key);
  if (found == kHeaderKeys.end())
    return reject(line, fmt::format("header is {}, expected one of {} or file N", quoted(key),
                                    fmt::join(kHeaderKeys, ", ")));
  const unsigned key_bit = 1u << (found - kHeaderKeys.begin());
  if (seen & key_bit)
    return reject(line, fmt::format("header {} is there twice", key));
  seen |= key_bit;

  const auto number = parse_u64(value);
  auto wrong = [&](const char* expected) {
    return reject(line, fmt::format("{} is {}, expected {}", key, quoted(value), expected));
  };
  if (key == "kernel")
    header.kernel = value;
  if (key == "machine")
    header.machine = value;
  if (key == "command")
    header.command = value;
  if (key == "page_size") {
    constexpr std::uint64_t kSmallest = 4096;
    constexpr std::uint64_t kLargest = 65536;  // arm64, ppc64
    if (!number || *number < kSmallest || *number > kLargest || (*number & (*number - 1)))
      return wrong("a power of two from 4096 to 65536");
    header.page_size = static_cast<std::uint32_t>(*number);
  }
  if (key == "clock" && value != "monotonic")
    return wrong("monotonic");
  if (key == "lost") {
    if (!number)
      return wrong("a decimal number below 2^64");
    header.lost = *number;
  }
  if (key == "complete") {
    if (value != "yes" && value != "no")
      return wrong("yes or no");
    header.complete = value == "yes";
  }
  return ok();
}

Result<> TraceReader::State::read_header()
{
  unsigned seen = 0;
  for (bool first = true;; first = false) {
    const char* text = csv.next_line();
    const auto line = csv.get_file_line();
    if (!text) {
      const std::uint64_t at = line + (first ? 1 : 0);
      if (end->error || end->why)
        return early_end(at);
      return trace_error(name, at,
                         first ? "file is empty, expected \"# rmaplab trace: 2\""
                               : "file ends in its header, expected the column line");
    }
    const std::string_view view(text);
    if (first) {
      if (view.substr(0, kVersionPrefix.size()) != kVersionPrefix)
        return reject(line, fmt::format("line is {}, expected \"{}{}\": a trace is what `rmaplab "
                                        "record` writes, another tool's log lacks the faults",
                                        quoted(view), kVersionPrefix, kTraceVersion));
      const auto version = view.substr(kVersionPrefix.size());
      if (version != "1" && version != std::to_string(kTraceVersion))
        return reject(line, fmt::format("trace is of version {}, expected 1 or {}: another rmaplab "
                                        "wrote it",
                                        quoted(version), kTraceVersion));
      continue;
    }
    if (view.substr(0, 2) != "# ") {
      if (view != column_line())
        return reject(line, fmt::format("line is {}, expected \"# key: value\" or \"{}\"",
                                        quoted(view), column_line()));
      break;
    }
    const auto colon = view.find(": ");
    if (colon == std::string_view::npos)
      return reject(line, fmt::format("line is {}, expected \"# key: value\"", quoted(view)));
    if (auto good = read_header_value(view.substr(2, colon - 2), view.substr(colon + 2), seen);
        !good)
      return good;
  }
  for (std::size_t i = 0; i < kHeaderKeys.size(); ++i)
    if (!(seen & 1u << i))
      return reject(csv.get_file_line(),
                    fmt::format("header has no line \"# {}: ...\"", kHeaderKeys[i]));
  return ok();
}

TraceReader::TraceReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TraceReader::TraceReader(TraceReader&&) noexcept = default;
TraceReader::~TraceReader() = default;

const TraceHeader& TraceReader::header() const
{
  return state_->header;
}

std::uint64_t TraceReader::line() const
{
  return state_->csv.get_file_line();
}

const std::string& TraceReader::name() const
{
  return state_->name;
}

namespace
{

std::string too_long(const std::string& name, unsigned line)
{
  return fmt::format("{}:{}: line is longer than 16 MiB", name, line);
}

}  // namespace

Result<TraceReader> TraceReader::open(const fs::path& path)
{
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return os_error("open " + path.string());
  try {
    TraceReader reader(std::make_unique<State>(path.string(), RawBytes(std::move(fd)),
                                               path.extension() == ".zst"));
    if (auto good = reader.state_->read_header(); !good)
      return good.error();
    return reader;
  } catch (const io::error::with_file_line& e) {
    return Error{.code = Errc::parse,
                 .context = too_long(path.string(), static_cast<unsigned>(e.file_line))};
  }
}

Result<TraceReader> TraceReader::of_text(const std::string& name, std::string_view text,
                                         bool compressed)
{
  try {
    TraceReader reader(std::make_unique<State>(name, RawBytes(text), compressed));
    if (auto good = reader.state_->read_header(); !good)
      return good.error();
    return reader;
  } catch (const io::error::with_file_line& e) {
    return Error{.code = Errc::parse,
                 .context = too_long(name, static_cast<unsigned>(e.file_line))};
  }
}

Result<bool> TraceReader::next(TraceRow& row)
{
  State& state = *state_;
  Cells c;
  if (interrupted())
    return interrupted_error();
  try {
    if (!state.csv.read_row(c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10],
                            c[11], c[12], c[13])) {
      if (state.end->error || state.end->why)
        return state.early_end(line());
      return false;
    }
    if (++state.rows > kMaxTraceRows)
      return trace_error(state.name, line(),
                         fmt::format("trace has more than {} rows", kMaxTraceRows));
    if (const auto column = convert(c, row))
      return state.reject(line(), expected_in(*column, c, row.event));
    return true;
  } catch (const io::error::line_length_limit_exceeded& e) {
    return Error{.code = Errc::parse,
                 .context = too_long(state.name, static_cast<unsigned>(e.file_line))};
  } catch (const io::error::with_file_line&) {
    return state.reject(
        line(), fmt::format("expected {} comma-separated cells as in the header", kTraceColumns));
  }
}

Result<> each_row(TraceReader& reader, const RowSink& sink)
{
  TraceRow row;
  for (;;) {
    const auto more = reader.next(row);
    if (!more)
      return more.error();
    if (!*more)
      return ok();
    if (auto taken = sink(row, reader.line()); !taken)
      return taken;
  }
}

namespace
{

Result<Trace> whole(Result<TraceReader> reader)
{
  if (!reader)
    return reader.error();
  Trace trace{.header = reader->header(), .rows = {}, .first_line = reader->line() + 1};
  const auto read = each_row(*reader, [&](const TraceRow& row, std::uint64_t) {
    trace.rows.push_back(row);
    return ok();
  });
  return read ? Result<Trace>(std::move(trace)) : Result<Trace>(read.error());
}

}  // namespace

Result<Trace> read_trace(const fs::path& path)
{
  return whole(TraceReader::open(path));
}

Result<Trace> parse_trace(const std::string& name, std::string_view text)
{
  return whole(TraceReader::of_text(name, text));
}

// ---- writer ----

namespace
{

void append_number(std::string& text, std::uint64_t value, int radix = 10)
{
  char digits[24];
  const auto done = std::to_chars(digits, digits + sizeof digits, value, radix);
  if (radix == 16)
    text += "0x";
  text.append(digits, done.ptr);
}

// One header line holds no newline of its value's.
std::string one_line(std::string_view text)
{
  std::string clean(text.substr(0, kMaxHeaderValue));
  for (char& c : clean)
    if (!printable({&c, 1}))
      c = ' ';
  return clean;
}

class TraceFile
{
 public:
  static Result<TraceFile> create(const fs::path& path)
  {
    auto output = OutputFile::create(path);
    if (!output)
      return output.error();
    TraceFile file(path, *std::move(output));
    if (path.extension() == ".zst") {
      file.stream_.reset(ZSTD_createCCtx());
      // Traces are small beside what they are sent over; a checksum finds damage.
      constexpr int kLevel = 12;
      ZSTD_CCtx_setParameter(file.stream_.get(), ZSTD_c_compressionLevel, kLevel);
      ZSTD_CCtx_setParameter(file.stream_.get(), ZSTD_c_checksumFlag, 1);
      file.packed_.resize(ZSTD_CStreamOutSize());
    }
    return file;
  }
  Result<> write(std::string_view text)
  {
    return stream_ ? pack(text, ZSTD_e_continue) : output_.write(text);
  }

  Result<> finish()
  {
    if (stream_)
      if (auto done = pack({}, ZSTD_e_end); !done)
        return done;
    return output_.finish();
  }

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  };

  TraceFile(fs::path path, OutputFile output) : path_(std::move(path)), output_(std::move(output))
  {
  }

  Result<> pack(std::string_view text, ZSTD_EndDirective directive)
  {
    ZSTD_inBuffer in = {text.data(), text.size(), 0};
    for (;;) {
      ZSTD_outBuffer out = {packed_.data(), packed_.size(), 0};
      const std::size_t left = ZSTD_compressStream2(stream_.get(), &out, &in, directive);
      if (ZSTD_isError(left))
        return Error{
            .code = Errc::os,
            .context = fmt::format("compress {}: {}", path_.string(), ZSTD_getErrorName(left))};
      if (auto done = output_.write({packed_.data(), out.pos}); !done)
        return done;
      if (directive == ZSTD_e_end ? left == 0 : in.pos == in.size)
        return ok();
    }
  }

  fs::path path_;
  OutputFile output_;
  std::unique_ptr<ZSTD_CCtx, FreeContext> stream_;
  std::vector<char> packed_;
};

}  // namespace

std::string trace_header_text(const TraceHeader& header)
{
  const bool old =
      header.settings.empty() && header.seen.empty() && header.ended.empty() && header.note.empty();
  const int version = old ? 1 : kTraceVersion;
  std::string text = fmt::format(
      "{}{}\n# kernel: {}\n# machine: {}\n# page_size: {}\n# clock: monotonic\n# command: {}\n"
      "# lost: {}\n# complete: {}\n",
      kVersionPrefix, version, one_line(header.kernel), one_line(header.machine), header.page_size,
      one_line(header.command), header.lost, header.complete ? "yes" : "no");
  if (!header.ended.empty())
    text += fmt::format("# ended: {}\n", one_line(header.ended));
  for (const auto& [name, value] : header.settings)
    text += fmt::format("# setting {}: {}\n", name, one_line(value));
  for (const auto& [name, count] : header.seen)
    text += fmt::format("# seen {}: {}\n", name, count);
  if (!header.note.empty())
    text += fmt::format("# note: {}\n", one_line(header.note));
  for (const auto& [number, file] : header.files)
    text += fmt::format("# file {}: {}\n", number, one_line(file));
  return text + column_line() + '\n';
}

void append_row(std::string& text, const TraceRow& row)
{
  using C = TraceColumn;
  const TraceEventShape& shape = shape_of(row.event);
  auto cell_of = [&](C column, std::uint64_t value, int radix) {
    text += ',';
    if (shape.columns & bit(column) && (value != 0 || !(kMayBeEmpty & bit(column))))
      append_number(text, value, radix);
  };
  append_number(text, row.time_ns);
  text += ',';
  append_number(text, row.process);
  text += ',';
  append_number(text, row.thread);
  text += ',';
  text += shape.name;
  cell_of(C::address, row.address, 16);
  cell_of(C::length, row.length, 10);
  cell_of(C::new_address, row.new_address, 16);
  cell_of(C::new_length, row.new_length, 10);
  cell_of(C::flags, row.flags, 16);
  cell_of(C::prot, row.prot, 16);
  cell_of(C::file, row.file, 10);
  cell_of(C::offset, row.offset, 10);
  text += ',';
  if (shape.columns & bit(C::result)) {
    const bool negative = row.result < 0;
    if (negative)
      text += '-';
    const auto magnitude = static_cast<std::uint64_t>(row.result);
    append_number(text, negative ? 0 - magnitude : magnitude,
                  shape.address_result && !negative ? 16 : 10);
  }
  text += ',';
  if (row.vmas >= 0)
    append_number(text, static_cast<std::uint64_t>(row.vmas));
  text += '\n';
}

Result<> write_trace(const fs::path& path, const Trace& trace, const WriteProgress& progress)
{
  auto file = TraceFile::create(path);
  if (!file)
    return file.error();
  constexpr std::size_t kAtOnce = 1 << 20;
  std::string text = trace_header_text(trace.header);
  for (const TraceRow& row : trace.rows) {
    append_row(text, row);
    if (text.size() < kAtOnce)
      continue;
    if (progress)
      if (auto go_on = progress(static_cast<std::size_t>(&row - trace.rows.data())); !go_on)
        return go_on;
    if (auto done = file->write(text); !done)
      return done;
    text.clear();
  }
  if (auto done = file->write(text); !done)
    return done;
  return file->finish();
}

}  // namespace rmaplab
