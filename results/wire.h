// SPDX-License-Identifier: GPL-2.0-only
// The stream of records in which a runner reports, over a pipe or a guest's
// serial line. A record carries its number, length and CRC-32, the last one is
// of kind "end": nothing can be lost or garbled without the reader knowing.
//
//   @rmaplab SEQUENCE KIND BYTES CRC32\n PAYLOAD \n
//
// Kinds: hello (version), env (KEY=VALUE), sample (a row of samples.csv),
// progress (DONE TOTAL LABEL), out and err (bytes of a command; out: text
// of a case; err: what a plan has to say), dmesg (new text of the kernel's log, where there
// is no console that has it), end (status).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct Record {
  std::string kind;
  std::string payload;
};

// Writes to a file descriptor it does not own.
class RecordWriter
{
 public:
  explicit RecordWriter(int fd) : fd_(fd) {}
  // Complete once it returns; on a terminal line, once the line has drained, so
  // that no transmit interrupt falls into what is measured next.
  Result<> write(std::string_view kind, std::string_view payload);

 private:
  int fd_;
  std::uint64_t sequence_ = 0;
};

// Fed with bytes in any portions; gives whole records. The first violation
// stays: later bytes are not looked at.
class RecordReader
{
 public:
  // Appends the records that these bytes complete, also those before a violation.
  // Errc::parse says which record and what was wrong.
  Result<> feed(std::string_view bytes, std::vector<Record>& records);
  // The same with what can be read from `fd` within `timeout_ms`; false at its end.
  Result<bool> read_some(int fd, int timeout_ms, std::vector<Record>& records);
  bool ended() const { return ended_; }  // the "end" record has been seen
  std::uint64_t records() const { return sequence_; }

 private:
  std::string pending_;
  std::optional<Error> violation_;
  std::uint64_t sequence_ = 0;
  bool ended_ = false;
};

std::uint32_t crc32(std::string_view bytes);  // the polynomial of IEEE 802.3

}  // namespace rmaplab
