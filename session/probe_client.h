// SPDX-License-Identifier: GPL-2.0-only
// Asks the server of rmaplab-probe, which looks at a workload from a process of its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace rmaplab
{

struct ProbeAnswer {
  std::map<std::string, std::string> fields;
  std::vector<std::string> rows;  // as many as the field `rows` says
};

class ProbeClient
{
 public:
  // The slowest answer, the first of a kind in an emulated guest, took 1.2 s.
  static constexpr int kTimeoutMs = 10'000;

  // Not its owner. -1: every question is answered with Errc::unsupported.
  explicit ProbeClient(int fd, int timeout_ms = kTimeoutMs) : fd_(fd), timeout_ms_(timeout_ms) {}
  // Blocks until the answer is complete. Errc::unsupported with the server's reason where
  // it cannot do what was asked, and when it has ended or did not answer in time. After
  // those two, and after an answer that is none, the socket is shut down: what came late
  // would pass for the answer to the next question, and whoever shares the socket sees it.
  Result<ProbeAnswer> ask(std::string_view question);

 private:
  Error lose(Error why);
  Result<std::string> line(std::uint64_t deadline_ns);
  int fd_;
  int timeout_ms_;
  std::string received_;
  std::optional<Error> gone_;  // why nothing more is asked
};

}  // namespace rmaplab
