// SPDX-License-Identifier: GPL-2.0-only
// libFuzzer: any bytes as a trace. They are read or refused, validated or refused; what was
// read and written again reads as the same. Bytes that begin as zstd does are unpacked.
#include <malloc.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include "replay/trace_info.h"
#include "replay/trace_io.h"
#include "replay/validate.h"

namespace
{

using namespace rmaplab;

void must(bool condition)
{
  if (!condition)
    std::abort();
}

// What the bytes are as a trace, or nothing; one reader is alive at a time.
struct Read {
  Trace trace;
  std::string again;
  std::optional<TraceNeeds> needs;
};

std::optional<Read> read_all(std::string_view bytes, bool compressed)
{
  auto reader = TraceReader::of_text("fuzz", bytes, compressed);
  if (!reader) {
    must(reader.error().code == Errc::parse && !reader.error().context.empty());
    return std::nullopt;
  }
  TraceValidator validator(reader->name(), reader->header());
  Read read{.trace = {.header = reader->header()}, .again = trace_header_text(reader->header())};
  bool valid = true;
  for (TraceRow row;;) {
    const auto more = reader->next(row);
    if (!more) {
      must(more.error().code == Errc::parse && !more.error().context.empty());
      return std::nullopt;
    }
    if (!*more)
      break;
    valid = valid && validator.add(row, reader->line());
    append_row(read.again, row);
    read.trace.rows.push_back(row);
  }
  if (!valid)
    return read;
  auto needs = validator.finish();
  // A file's number is bounded by the count of rows, which only the end tells.
  must(!needs || !read.trace.rows.empty());
  if (needs)
    read.needs = *std::move(needs);
  return read;
}

void one_trace(std::string_view bytes, bool compressed)
{
  const auto read = read_all(bytes, compressed);
  if (!read)
    return;
  const auto same = parse_trace("again", read->again);
  must(static_cast<bool>(same));
  must(same->header == read->trace.header && same->rows == read->trace.rows);
  if (!read->needs)
    return;
  const TraceNeeds& needs = *read->needs;
  must(needs.rows == read->trace.rows.size());
  must(needs.peak_processes <= needs.processes && needs.peak_threads <= needs.threads);
  const auto summary = summarize_trace(*TraceReader::of_text("fuzz", bytes, compressed));
  must(static_cast<bool>(summary) && !to_text(*summary).empty());
}

}  // namespace

// The parser takes a buffer of 48 MiB a trace. To map it, and the shadow that the address
// sanitizer has for it, costs far more than a small trace: it is kept for the next input,
// its beginning as clean as a new one.
namespace
{
constexpr std::size_t kParserBuffer = 3 << 24;  // io::LineReader
constexpr std::size_t kCleaned = 1 << 20;
void* kept_buffer = nullptr;
}  // namespace

void* operator new[](std::size_t size)
{
  if (size == kParserBuffer && kept_buffer)
    return std::memset(std::exchange(kept_buffer, nullptr), 0, kCleaned);
  void* memory = std::malloc(size);
  must(memory != nullptr);
  return memory;
}

void operator delete[](void* memory) noexcept
{
  if (memory && !kept_buffer && ::malloc_usable_size(memory) == kParserBuffer)
    kept_buffer = memory;
  else
    std::free(memory);
}

void operator delete[](void* memory, std::size_t) noexcept
{
  operator delete[](memory);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";  // RFC 8878, 3.1.1
  one_trace(bytes, bytes.substr(0, 4) == kZstdMagic);
  return 0;
}
