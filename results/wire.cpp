// SPDX-License-Identifier: GPL-2.0-only
#include "results/wire.h"

#include <fmt/format.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>

#include "base/text.h"

namespace rmaplab
{

namespace
{
constexpr std::string_view kMagic = "@rmaplab";
constexpr std::size_t kLongestHead = 128;
constexpr std::size_t kLongestPayload = 1 << 24;
}  // namespace

std::uint32_t crc32(std::string_view bytes)
{
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

Result<> RecordWriter::write(std::string_view kind, std::string_view payload)
{
  const std::string text = fmt::format("{} {} {} {} {:08x}\n{}\n", kMagic, sequence_++, kind,
                                       payload.size(), crc32(payload), payload);
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t put = ::write(fd_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      return os_error("write results");
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  ::tcdrain(fd_);  // ENOTTY on a pipe, which needs none
  return ok();
}

Result<> RecordReader::feed(std::string_view bytes, std::vector<Record>& records)
{
  if (violation_)
    return *violation_;
  pending_ += bytes;
  auto reject = [&](const std::string& what) {
    violation_ = Error{.code = Errc::parse,
                       .context = fmt::format("results record {}: {}", sequence_, what)};
    return *violation_;
  };
  std::string_view rest = pending_;
  for (;;) {
    const auto head_end = rest.find('\n');
    if (head_end == std::string_view::npos) {
      if (rest.size() > kLongestHead)
        return reject("no head line");
      break;
    }
    const auto words = split_blanks(rest.substr(0, head_end));
    if (words.size() != 5 || words[0] != kMagic)
      return reject("head line is not \"@rmaplab SEQUENCE KIND BYTES CRC32\"");
    const auto sequence = parse_u64(words[1]);
    const auto size = parse_u64(words[3]);
    const auto crc = parse_u64(words[4], 16);
    if (!sequence || !size || !crc || *size > kLongestPayload)
      return reject("head line has a number that is none");
    if (*sequence != sequence_)
      return reject(fmt::format("has number {}: records were lost", *sequence));
    if (rest.size() < head_end + 1 + *size + 1)
      break;
    const std::string_view payload = rest.substr(head_end + 1, *size);
    if (crc32(payload) != *crc || rest[head_end + 1 + *size] != '\n')
      return reject("checksum differs: the channel garbled it");
    records.push_back({.kind = std::string(words[2]), .payload = std::string(payload)});
    ended_ = ended_ || words[2] == "end";
    rest.remove_prefix(head_end + 1 + *size + 1);
    ++sequence_;
  }
  pending_.erase(0, pending_.size() - rest.size());
  return ok();
}

Result<bool> RecordReader::read_some(int fd, int timeout_ms, std::vector<Record>& records)
{
  struct pollfd watched = {.fd = fd, .events = POLLIN, .revents = 0};
  if (::poll(&watched, 1, timeout_ms) <= 0)
    return true;
  char buffer[4096];
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got < 0)
    return errno == EINTR ? Result<bool>(true) : os_error("read results");
  if (got == 0)
    return false;
  if (auto fed = feed({buffer, static_cast<std::size_t>(got)}, records); !fed)
    return fed.error();
  return true;
}

}  // namespace rmaplab
